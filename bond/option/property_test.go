package option

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// texts of all sorts: names of values, numbers, addresses, and nonsense.
func anyText() *rapid.Generator[string] {
	var names []string
	for i := range table {
		for _, v := range table[i].Values {
			names = append(names, v.Name)
		}
	}
	names = append(names, "+10.0.0.1", "-10.0.0.1", "10.0.0.1,10.0.0.2", "fd00::1", "+eth0", "-eth0", "eth0", "eth0:1", "eth9",
		"02:00:00:00:00:01", "", " 7 ", "-1", "0x10")
	return rapid.OneOf(
		rapid.SampledFrom(names),
		rapid.Map(rapid.IntRange(0, 300), func(n int) string { return " " + strconv.Itoa(n) + "\n" }),
		rapid.StringMatching(`[0-9]{1,11}`),
		rapid.String(),
	)
}

func anyEnv() *rapid.Generator[Env] {
	return rapid.Custom(func(t *rapid.T) Env {
		e := Env{
			Bond: "bond0", Up: rapid.Bool().Draw(t, "up"), Via: Via(rapid.IntRange(0, 1).Draw(t, "via")),
			AllowUnsupported: rapid.Bool().Draw(t, "allow"), Interface: func(n string) Iface { return Iface{Exists: n == "eth0" || n == "eth1"} },
		}
		if rapid.Bool().Draw(t, "slaves") {
			e.Slaves = []Slave{{Name: "eth0", Ready: true}, {Name: "eth1"}}
			e.Active = "eth0"
		}
		return e
	})
}

// TestApplyProperties: a refused request changes nothing and has no effects; an
// accepted one leaves settings that are each allowed, only one monitor on, and,
// unless allowed, nothing unsupported.
func TestApplyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Defaults()
		strict := true
		for range rapid.IntRange(1, 8).Draw(t, "requests") {
			env := anyEnv().Draw(t, "env")
			var as []Assign
			for range rapid.IntRange(1, 4).Draw(t, "assigns") {
				o := rapid.SampledFrom(All()).Draw(t, "option")
				as = append(as, Assign{Option: o.Name, Value: anyText().Draw(t, "value"), Slave: "eth0"})
			}
			before := v
			res, err := v.Apply(env, as)
			if err != nil {
				if v != before || res.Values != (Values{}) || res.Effects != nil || res.Log != nil {
					t.Fatalf("%v: a result although refused: %v", as, err)
				}
				if err.Error() == "" || err.(*Error).IPText() == "" || err.(*Error).Errno == 0 {
					t.Fatalf("%v: no reason given", as)
				}
				continue
			}
			if v != before {
				t.Fatalf("%v: Apply wrote to its receiver", as)
			}
			v = res.Values
			strict = strict && !env.AllowUnsupported
			check(t, &v, strict)
		}
	})
}

func check(t *rapid.T, v *Values, strict bool) {
	for _, o := range All() {
		if o.field == nil {
			continue
		}
		n := *o.field(v)
		if !o.allows(n) {
			t.Fatalf("%s is %d", o.Name, n)
		}
		if strict && !o.Supported(n) {
			t.Fatalf("%s is %d, which isn't supported", o.Name, n)
		}
	}
	if v.Miimon != 0 && v.ArpInterval != 0 {
		t.Fatal("both monitors are on")
	}
	if !arpModes.Has(v.Mode) && v.ArpInterval != 0 {
		t.Fatalf("ARP monitor in mode %s", ModeName(v.Mode))
	}
}

// TestReadBack: what a file reads can be written back and changes nothing.
func TestReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Defaults()
		env := Env{Bond: "bond0", AllowUnsupported: true}
		for range 10 {
			o := rapid.SampledFrom(All()).Draw(t, "option")
			if res, err := v.Apply(env, []Assign{{Option: o.Name, Value: anyText().Draw(t, "value")}}); err == nil {
				v = res.Values
			}
		}
		for _, o := range All() {
			if o.Raw || o.Scope == ScopeSlave || !o.Modes.Has(v.Mode) || v.Miimon == 0 && o.Unit == "ms" {
				continue
			}
			if o.ID == Mode { // entering a mode has side effects of its own
				continue
			}
			text := v.Word(o.ID, &Runtime{})
			if _, ok := o.Parse(text); !ok {
				continue // delays can outgrow their range when miimon grows
			}
			if res, err := v.Apply(env, []Assign{{Option: o.Name, Value: text}}); err != nil || res.Values != v {
				t.Fatalf("%s %s: %v", o.Name, text, err)
			}
		}
	})
}
