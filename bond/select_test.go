package bond

import (
	"testing"
	"time"

	"github.com/tapbond/tapbond/monitor"
)

func TestChoose(t *testing.T) {
	up := candidate{link: monitor.LinkUp, usable: true, speed: monitor.Speed{Mbps: 10000, Duplex: monitor.DuplexFull}}
	slow := up
	slow.speed.Mbps = 1000
	half := up
	half.speed.Duplex = monitor.DuplexHalf
	down := candidate{link: monitor.LinkDown}
	fail := candidate{link: monitor.LinkFail}
	back := func(left time.Duration) candidate {
		return candidate{link: monitor.LinkBack, usable: true, remaining: left}
	}
	prio := func(c candidate, p int32) candidate { c.prio = p; return c }
	const sec = time.Second

	tests := []struct {
		name string
		c    contest
		want choice
	}{
		{"nobody", contest{current: -1, primary: -1}, choice{active: -1}},
		{"all down", contest{slaves: []candidate{down, down}, current: 0, primary: -1}, choice{active: -1}},
		{"first up", contest{slaves: []candidate{down, up, up}, current: -1, primary: -1}, choice{active: 1}},
		{"current is kept on a tie", contest{slaves: []candidate{up, up}, current: 1, primary: -1}, choice{active: 1}},
		{"current in FAIL loses to one that is up", contest{slaves: []candidate{fail, up}, current: 0, primary: -1}, choice{active: 1}},
		{"higher prio wins, always", contest{slaves: []candidate{up, prio(up, 10)}, current: 0, primary: -1}, choice{active: 1}},
		{"higher prio, failure: current stays", contest{slaves: []candidate{up, prio(up, 10)}, current: 0, primary: -1, reselect: reselectFailure}, choice{active: 0}},
		{"higher prio, failure: current is down", contest{slaves: []candidate{down, up, prio(up, 10)}, current: 0, primary: -1, reselect: reselectFailure}, choice{active: 2}},
		{"negative prio loses", contest{slaves: []candidate{prio(up, -50), up}, current: 0, primary: -1}, choice{active: 1}},
		{"primary, always", contest{slaves: []candidate{up, up}, current: 0, primary: 1}, choice{active: 1}},
		{"primary over prio", contest{slaves: []candidate{prio(up, 1000000), up}, current: 0, primary: 1}, choice{active: 1}},
		{"primary down: prio", contest{slaves: []candidate{up, down, prio(up, 5)}, current: 1, primary: 1}, choice{active: 2}},
		{"primary, failure: current stays", contest{slaves: []candidate{up, up}, current: 0, primary: 1, reselect: reselectFailure}, choice{active: 0}},
		{"primary, failure: just configured", contest{slaves: []candidate{up, up}, current: 0, primary: 1, reselect: reselectFailure, force: true}, choice{active: 1}},
		{"primary, better: equal", contest{slaves: []candidate{up, up}, current: 0, primary: 1, reselect: reselectBetter}, choice{active: 0}},
		{"primary, better: faster", contest{slaves: []candidate{slow, up}, current: 0, primary: 1, reselect: reselectBetter}, choice{active: 1}},
		{"primary, better: slower", contest{slaves: []candidate{up, slow}, current: 0, primary: 1, reselect: reselectBetter}, choice{active: 0}},
		{"primary, better: duplex", contest{slaves: []candidate{half, up}, current: 0, primary: 1, reselect: reselectBetter}, choice{active: 1}},
		{"least updelay left is forced", contest{slaves: []candidate{back(3 * sec), back(2 * sec)}, current: -1, primary: -1, updelay: 5 * sec}, choice{active: 1, early: true}},
		{"who has all of updelay before it is not", contest{slaves: []candidate{back(5 * sec)}, current: -1, primary: -1, updelay: 5 * sec}, choice{active: -1}},
	}
	for _, tt := range tests {
		if got := tt.c.choose(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
