package contest

import (
	"strings"
	"testing"
)

// A goal measured on a busy machine is not judged, and the table says so.
func TestBusyMachineIsNotJudged(t *testing.T) {
	for _, c := range []struct {
		what    string
		foreign []float64
		want    Verdict
	}{
		{"idle", []float64{0, 0.1, 0.19}, Missed},
		{"one disturbed round of three", []float64{0, 0.1, 1.9}, Missed},
		{"busy in most rounds", []float64{0.1, 1.2, 1.9}, NotJudged},
		{"busy all the time", []float64{1.5, 1.2, 1.9}, NotJudged},
	} {
		r := &Result{Contenders: []string{"tapbond"}}
		for round, f := range c.foreign {
			r.Add(Metric{Name: "idle"}, Sample{Round: round, Contender: "tapbond", Value: 50, Foreign: f})
		}
		for _, s := range r.Scores() {
			if s.String() == "idle" && s.Verdict != c.want {
				t.Errorf("%s: %s, want %s", c.what, s.Verdict, c.want)
			}
		}
		var table strings.Builder
		if err := r.WriteTable(&table); err != nil {
			t.Fatal(err)
		}
		if says := strings.Contains(table.String(), "the machine was busy: other programs used"); says != (c.want == NotJudged) {
			t.Errorf("%s: the table says busy: %v\n%s", c.what, says, table.String())
		}
	}
}

// The other side of a comparison counts too.
func TestBusyWhileTheOtherWasMeasured(t *testing.T) {
	r := &Result{Contenders: []string{"veth", "tapbond"}}
	for round := range 3 {
		r.Add(Metric{Name: "tcp1-out"}, Sample{Round: round, Contender: "tapbond", Value: 9})
		r.Add(Metric{Name: "tcp1-out"}, Sample{Round: round, Contender: "veth", Value: 10, Foreign: 2})
	}
	for _, s := range r.Scores() {
		if s.String() == "tcp1-out / veth's" && s.Verdict != NotJudged {
			t.Errorf("%s", s.Verdict)
		}
	}
}

func TestUnknownWork(t *testing.T) {
	for only, ok := range map[string]bool{"tcp1": true, "small-in": true, "nosuch": false, "": false, "tcp1x": false} {
		if err := UnknownWork([]string{"rtt", only}); (err == nil) != ok || !ok && !strings.Contains(err.Error(), "small-out") {
			t.Errorf("%q: %v", only, err)
		}
	}
}

func TestNothingMeasured(t *testing.T) {
	r := &Result{Absent: map[string]string{"dpdk": "not installed"}, Failed: []string{"round 1: tcp1: no lab\nat all"}}
	err := r.Nothing()
	if err == nil || !strings.Contains(err.Error(), "dpdk: absent: not installed") || !strings.Contains(err.Error(), "no lab; at all") {
		t.Error(err)
	}
	if err := (&Result{}).Nothing(); err == nil {
		t.Error("an empty result is something")
	}
	if err := (&Result{Samples: make([]Sample, 1)}).Nothing(); err != nil {
		t.Error(err)
	}
}
