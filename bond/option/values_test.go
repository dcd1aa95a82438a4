package option

import (
	"encoding/json"
	"testing"
)

// What an older program wrote down has the defaults of options that it didn't
// know, and what it says of the others, be it zero.
func TestValuesOfAnOlderProgram(t *testing.T) {
	v := Defaults()
	v.Mode, v.MinLinks, v.ArpMissedMax, v.ADSelectHold = LACP, 2, 0, 7000
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back Values
	if err := json.Unmarshal(text, &back); err != nil || back != v {
		t.Errorf("%+v became %+v (%v)", v, back, err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "ADSelectHold")
	if text, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	v.ADSelectHold = 2000
	if err := json.Unmarshal(text, &back); err != nil || back != v {
		t.Errorf("without ad_select_hold: %+v, want %+v (%v)", back, v, err)
	}
	if json.Unmarshal([]byte(`{"Mode": "x"}`), &back) == nil || back != v {
		t.Error("nonsense is taken, or changes something")
	}
}
