package bond

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/bond/option"
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
	held := back(20 * time.Second)
	held.held = true
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
		{"the first wins a tie, on request", contest{slaves: []candidate{up, up}, current: 1, primary: -1, first: true}, choice{active: 0}},
		{"the first, failure: current stays", contest{slaves: []candidate{up, up}, current: 1, primary: -1, first: true, reselect: reselectFailure}, choice{active: 1}},
		{"one that keeps failing is better than none", contest{slaves: []candidate{down, held}, current: 0, primary: -1}, choice{active: 1, early: true}},
		{"and worse than any other", contest{slaves: []candidate{held, back(4 * sec)}, current: -1, primary: -1, updelay: 5 * sec}, choice{active: 1, early: true}},
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

// With nothing else to use, a link that has just come back is used at once,
// whatever updelay is; a slave that has just been added to a bond that is down
// is not.
func TestUpdelayIsSkippedWhereNothingElseIsUp(t *testing.T) {
	for _, mode := range []string{"active-backup", "balance-xor"} {
		run(t, "mode "+mode+" miimon 100 updelay 5000", two, func(r *rig) {
			expect(t, mode+": carrier", r.state().Carrier, true)
			r.sys.plug("eth0", false)
			pass(time.Second)
			r.sys.plug("eth0", true)
			synctest.Wait()
			r.sys.plug("eth1", false)
			synctest.Wait()
			st := r.state()
			expect(t, mode+": eth0", st.Slaves[0].MIIStatus, "UP")
			expect(t, mode+": carrier", st.Carrier, true)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(newFakeSystem(two...), NewBus(), nil)
		options, _, _ := option.ParseWords(strings.Fields("mode active-backup miimon 100 updelay 5000"))
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: options})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range two {
			if err := b.Enslave(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		st, _ := b.State()
		expect(t, "active slave of a bond that is down", st.Active, "")
		if err := b.SetUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, _ = b.State()
		expect(t, "and once it is up", st.Active, "eth0")
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A primary that is down when it is configured wins once it is up, whatever
// primary_reselect says, as with the kernel.
func TestPrimaryConfiguredWhileDown(t *testing.T) {
	run(t, "mode active-backup miimon 100 primary_reselect failure", two, func(r *rig) {
		r.sys.plug("eth1", false)
		r.must(r.set("primary eth1"))
		expect(t, "active", r.state().Active, "eth0")
		r.sys.plug("eth1", true)
		pass(switchDelay)
		expect(t, "active once it is up", r.state().Active, "eth1")
		r.sys.plug("eth1", false)
		r.sys.plug("eth1", true)
		expect(t, "active the next time", r.state().Active, "eth0")
	})
}

func TestPrioTie(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		r.must(r.set("active_slave eth1"))
		r.must(r.set("primary_reselect always")) // any option that has the choice made again
		expect(t, "active", r.state().Active, "eth1")
		r.must(r.set("prio_tie first"))
		expect(t, "active", r.state().Active, "eth0")
		r.must(r.set("active_slave eth1"))
		expect(t, "a choice by hand holds", r.state().Active, "eth1")
		r.must(r.set("primary_reselect always"))
		expect(t, "until the next choice", r.state().Active, "eth0")
		if r.set("prio_tie last") == nil {
			t.Error("prio_tie last is taken")
		}
	})
}
