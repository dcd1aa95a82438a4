package bond

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutages(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		start := time.Now()
		for i := range keptOutages + 4 {
			r.sys.plug("eth1", false)
			pass(time.Second)
			r.sys.plug("eth1", true)
			pass(time.Duration(i) * time.Second)
		}
		r.sys.plug("eth1", false)
		got := r.state().Slaves[1].Outages
		if len(got) != keptOutages {
			t.Fatalf("%d outages are kept", len(got))
		}
		for i, o := range got[:keptOutages-1] {
			if o.Until.Sub(o.Since) != time.Second || o.Why != "no carrier" || i > 0 && !o.Since.After(got[i-1].Since) {
				t.Errorf("outage %d: %+v", i, o)
			}
		}
		if last := got[keptOutages-1]; !last.Until.IsZero() || last.Since.Before(start) {
			t.Errorf("the one that lasts: %+v", last)
		}
		expect(t, "outages of the other", len(r.state().Slaves[0].Outages), 0)
	})
}

func TestFlaps(t *testing.T) {
	const hold = 2 * time.Second
	var f flaps
	now := time.Unix(0, 0)
	for i, want := range []time.Duration{0, 2, 4, 8, 16, 30, 30, 30} {
		f.down(now, hold)
		if got := f.wait(hold); got != want*time.Second {
			t.Errorf("after failure %d it waits for %v, want %v s", i+1, got, int(want))
		}
		f.up(now)
		now = now.Add(time.Second)
	}
	now = now.Add(time.Minute)
	if f.down(now, hold); f.wait(hold) != 0 {
		t.Errorf("after a good minute it waits for %v", f.wait(hold))
	}
	f.up(now)
	if f.down(now, 0); f.wait(0) != 0 {
		t.Error("without flap_hold it waits")
	}
	f = flaps{}
	for range 3 {
		f.down(now, time.Hour)
		f.up(now)
	}
	if got := f.wait(time.Hour); got != time.Hour {
		t.Errorf("a hold longer than the longest: %v", got)
	}
}

func TestFlapHold(t *testing.T) {
	run(t, "mode active-backup miimon 100 flap_hold 2000", two, func(r *rig) {
		status := func() string { return r.state().Slaves[1].MIIStatus }
		flap := func() {
			r.sys.plug("eth1", false)
			pass(100 * time.Millisecond)
			r.sys.plug("eth1", true)
			synctest.Wait()
		}
		flap()
		expect(t, "after the first failure", status(), "UP")
		pass(100 * time.Millisecond)
		flap()
		expect(t, "after the second", status(), "GOING_BACK")
		pass(1900 * time.Millisecond)
		expect(t, "before 2 s are over", status(), "GOING_BACK")
		pass(200 * time.Millisecond)
		expect(t, "after 2 s", status(), "UP")
		flap()
		pass(3900 * time.Millisecond)
		expect(t, "after the third, before 4 s are over", status(), "GOING_BACK")
		// Nothing else is left: it is used at once.
		r.sys.plug("eth0", false)
		expect(t, "when there is nothing else", status(), "UP")
		expect(t, "active", r.state().Active, "eth1")
		r.sys.plug("eth0", true)
		pass(time.Minute)
		flap()
		expect(t, "after a good minute", status(), "UP")
		r.must(r.set("flap_hold 0"))
		flap()
		expect(t, "with flap_hold off", status(), "UP")
		if r.set("flap_hold 600001") == nil {
			t.Error("flap_hold 600001 is taken")
		}
	})
}

// A link that flaps leaves nothing running behind it.
func TestFlappingLeavesNothing(t *testing.T) {
	for _, options := range []string{
		"mode active-backup miimon 100 num_grat_arp 5 resend_igmp 5", "mode active-backup miimon 100 fail_over_mac follow",
		"mode balance-rr miimon 100 updelay 200 downdelay 200", "mode active-backup miimon 100 flap_hold 1000",
	} {
		run(t, options, two, func(r *rig) {
			r.join("239.0.0.1")
			flap := func(n int) int {
				for range n {
					r.sys.plug("eth0", false)
					pass(5 * time.Millisecond)
					r.sys.plug("eth0", true)
					pass(5 * time.Millisecond)
				}
				pass(time.Minute)
				synctest.Wait()
				return runtime.NumGoroutine()
			}
			before := flap(10)
			if after := flap(500); after > before {
				t.Errorf("%s: %d goroutines, %d after 500 flaps", options, before, after)
			}
			st := r.state()
			expect(t, options+": eth0", st.Slaves[0].MIIStatus, "UP")
			expect(t, options+": carrier", st.Carrier, true)
		})
	}
}
