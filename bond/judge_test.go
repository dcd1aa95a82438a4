package bond

import (
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/lacp"
)

var judgedAt = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// judged is a healthy bond of two slaves.
func judged(mode string) *State {
	st := &State{Name: "bond0", Mode: mode, Up: true, UpAt: judgedAt.Add(-time.Hour), Carrier: true, Settings: map[string]string{"min_links": "0", "max_links": "0"}}
	for _, name := range []string{"eth0", "eth1"} {
		s := SlaveState{Name: name, MIIStatus: "UP", Carrier: true, Carries: true, Since: judgedAt.Add(-time.Hour), Why: "carrier"}
		if mode == "802.3ad" {
			s.AD = &ADPort{PortState: lacp.PortState{Why: lacp.WhyOK}}
		}
		st.Slaves = append(st.Slaves, s)
	}
	if mode == "802.3ad" {
		st.AD = &ADState{}
	}
	return st
}

func (s *SlaveState) set(status, why string) {
	s.MIIStatus, s.Why, s.Carrier, s.Carries = status, why, false, false
}

// silent is a port that receives no LACPDU, whose link came up a while ago.
func (s *SlaveState) silent(ago time.Duration) {
	s.Carries, s.Since = false, judgedAt.Add(-ago)
	s.AD.Why, s.AD.Reason = lacp.WhyNoPDU, "no LACPDU"
}

func (s *SlaveState) failing(times int, every time.Duration) {
	for i := range times {
		at := judgedAt.Add(-time.Duration(times-i) * every)
		s.Outages = append(s.Outages, Outage{Since: at, Until: at.Add(every / 2), Why: "no carrier"})
	}
}

func probed(asked, answered time.Duration) *ProbesState {
	t := TargetState{Target: "10.0.0.99", AskedAt: judgedAt.Add(-asked)}
	if answered > 0 {
		t.AnsweredAt = judgedAt.Add(-answered)
	}
	return &ProbesState{Interval: 100, Targets: []TargetState{t}}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		change     func(*State)
		want       string
		causes     string // words, with the slaves
		exit       int
	}{
		{"all well", "active-backup", func(*State) {}, "healthy: 2 of 2 slaves up", "", 0},
		{"set down", "active-backup", func(st *State) { st.Up = false }, "DOWN: administratively down", "down", 2},
		{"nobody", "balance-rr", func(st *State) { st.Slaves = nil }, "EMPTY: no slaves", "empty", 2},
		{"alone", "balance-xor", func(st *State) { st.Slaves = st.Slaves[:1] }, "NO REDUNDANCY: eth0 is the only slave", "no_redundancy eth0", 1},
		{"alone, down", "balance-xor", func(st *State) { st.Slaves = st.Slaves[:1]; st.Slaves[0].set("DOWN", "no carrier") },
			"FAILED: the only slave is down", "failed eth0", 2},
		{"one down", "active-backup", func(st *State) { st.Slaves[0].set("DOWN", "no carrier") }, "DEGRADED: 1 of 2 slaves up", "degraded eth0", 1},
		{"one unplugged", "active-backup", func(st *State) {
			st.Slaves, st.Away = st.Slaves[:1], []AwaySlave{{Name: "eth1", Since: judgedAt.Add(-time.Minute)}}
		}, "DEGRADED: 1 of 2 slaves up", "degraded eth1", 1},
		{"all unplugged", "active-backup", func(st *State) { st.Slaves, st.Away = nil, []AwaySlave{{Name: "eth1", Why: "in use"}} },
			"EMPTY: no slaves: the NICs are gone", "empty,degraded eth1", 2},
		{"one in a bridge", "active-backup", func(st *State) { st.Slaves[1].Claimed = "br0 (bridge)" },
			"DEGRADED: eth1 is used by br0 (bridge), too", "degraded eth1", 1},
		{"rules on one", "active-backup", func(st *State) { st.Slaves[0].Bypassed = []string{"tc ingress filter (flower, pref 10)"} },
			"DEGRADED: eth0 has rules that the bond's frames bypass: tc ingress filter (flower, pref 10)", "degraded eth0", 1},
		{"one comes", "active-backup", func(st *State) { st.Slaves[0].set("GOING_BACK", "waits") }, "WAITING: 1 of 2 slaves up", "waiting eth0", 1},
		{"one goes", "active-backup", func(st *State) { st.Slaves[0].set("GOING_DOWN", "waits") }, "DEGRADED: 1 of 2 slaves up", "degraded eth0", 1},
		{"both down", "active-backup", func(st *State) { st.Slaves[0].set("DOWN", "x"); st.Slaves[1].set("GOING_BACK", "x") },
			"FAILED: none of 2 slaves is up", "failed eth0,failed eth1", 2},
		{"flaps", "active-backup", func(st *State) { st.Slaves[1].failing(4, 10*time.Second) },
			"FLAPPING: eth1 failed 4 times in 5 min, last 10 s ago: no carrier", "flapping eth1", 1},
		{"flaps much", "active-backup", func(st *State) { st.Slaves[1].failing(16, 300*time.Millisecond) },
			"FLAPPING: eth1 failed at least 16 times in 5 min, last 300 ms ago: no carrier", "flapping eth1", 1},
		{"flapped", "active-backup", func(st *State) { st.Slaves[1].failing(16, 10*time.Minute) }, "healthy: 2 of 2 slaves up", "", 0},
		{"three cables pulled", "active-backup", func(st *State) { st.Slaves[1].failing(3, time.Second) }, "healthy: 2 of 2 slaves up", "", 0},
		{"flaps, down", "active-backup", func(st *State) { st.Slaves[1].failing(4, time.Second); st.Slaves[1].set("DOWN", "no carrier") },
			"FLAPPING: eth1 failed 4 times in 5 min, last 1.0 s ago: no carrier", "flapping eth1,degraded eth1", 1},
		{"flaps for want of a target", "active-backup", func(st *State) {
			st.Slaves[0].failing(16, 350*time.Millisecond)
			st.Probes = probed(6*time.Second, 0)
		}, "FLAPPING: eth0 failed at least 16 times in 5 min, last 350 ms ago: no target has ever answered (10.0.0.99)", "flapping eth0,unanswered", 1},
		{"proves nothing", "active-backup", func(st *State) { st.Probes = probed(time.Second, 0) }, "UNANSWERED: no target has ever answered (10.0.0.99)", "unanswered", 1},
		{"asked just now", "active-backup", func(st *State) { st.Probes = probed(200*time.Millisecond, 0) }, "healthy: 2 of 2 slaves up", "", 0},
		{"silent for long", "active-backup", func(st *State) { st.Probes = probed(3*time.Hour, 3*time.Hour) },
			"UNANSWERED: no target has answered for 3 h (10.0.0.99)", "unanswered", 1},
		{"silent for little", "active-backup", func(st *State) { st.Probes = probed(9*time.Second, 9*time.Second) }, "healthy: 2 of 2 slaves up", "", 0},
		{"no LAG", "balance-rr", func(st *State) { st.Returned = Returned{8, judgedAt.Add(-time.Second)} },
			"LOOPED: 8 frames of our own came back in 5 min, last 1.0 s ago: the switch has no LAG", "looped", 1},
		{"one came back", "balance-xor", func(st *State) { st.Returned = Returned{1, judgedAt} }, "healthy: 2 of 2 slaves up", "", 0},
		{"flooded at a failover", "active-backup", func(st *State) { st.Returned = Returned{3, judgedAt} }, "healthy: 2 of 2 slaves up", "", 0},
		{"loop", "active-backup", func(st *State) { st.Returned = Returned{10, judgedAt} },
			"LOOPED: 10 frames of our own came back in 5 min, last 0.0 ms ago: a loop in the network", "looped", 1},
		{"to be expected", "balance-alb", func(st *State) { st.Returned = Returned{1000, judgedAt} }, "healthy: 2 of 2 slaves up", "", 0},
		{"no LAG, one down", "broadcast", func(st *State) {
			st.Returned = Returned{8, judgedAt.Add(-time.Second)}
			st.Slaves[1].set("DOWN", "no carrier")
		}, "LOOPED: 8 frames of our own came back in 5 min, last 1.0 s ago: the switch has no LAG", "looped,degraded eth1", 1},

		{"LAG", "802.3ad", func(*State) {}, "healthy: 2 of 2 slaves carrying traffic", "", 0},
		{"LAG begins", "802.3ad", func(st *State) {
			st.Slaves[0].silent(2 * time.Second)
			st.Slaves[1].silent(time.Hour)
			st.Carrier = false
		},
			"WAITING: LACP negotiates", "waiting eth0,waiting eth1", 1},
		{"LAG set up just now", "802.3ad", func(st *State) {
			st.UpAt = judgedAt.Add(-3 * time.Second)
			st.Slaves[0].silent(time.Hour)
			st.Slaves[1].silent(time.Hour)
		}, "WAITING: LACP negotiates", "waiting eth0,waiting eth1", 1},
		{"LAG failed", "802.3ad", func(st *State) { st.Slaves[0].silent(10 * time.Second); st.Slaves[1].silent(time.Hour) },
			"FAILED: none of 2 slaves carries traffic", "failed eth0,failed eth1", 2},
		{"LAG half", "802.3ad", func(st *State) { st.Slaves[0].silent(time.Minute) }, "DEGRADED: 1 of 2 slaves carrying traffic", "degraded eth0", 1},
		{"LAG grows", "802.3ad", func(st *State) { st.Slaves[0].silent(time.Second) }, "WAITING: 1 of 2 slaves carrying traffic", "waiting eth0", 1},
		{"LAG grows, link missing", "802.3ad", func(st *State) {
			st.Slaves[0].silent(time.Second)
			st.Slaves = append(st.Slaves, SlaveState{Name: "eth2", MIIStatus: "DOWN", Why: "no carrier", AD: &ADPort{}})
		}, "DEGRADED: 1 of 3 slaves carrying traffic", "degraded eth2,waiting eth0", 1},
		{"LAG without links", "802.3ad", func(st *State) { st.Slaves[0].set("DOWN", "no carrier"); st.Slaves[1].set("DOWN", "no carrier") },
			"FAILED: none of 2 slaves carries traffic", "failed eth0,failed eth1", 2},
		{"max_links", "802.3ad", func(st *State) {
			st.Slaves[1].Carries, st.Slaves[1].AD.Why, st.Settings["max_links"] = false, lacp.WhyStandby, "1"
		}, "healthy: 1 of 2 slaves carrying traffic, 1 on standby (max_links 1)", "", 0},
		{"min_links", "802.3ad", func(st *State) {
			st.Slaves[1].silent(time.Hour)
			st.Carrier, st.Settings["min_links"] = false, "2"
		}, "FAILED: 1 of 2 slaves carrying traffic, fewer than min_links 2: no carrier", "failed,degraded eth1", 2},
		{"fallback", "802.3ad", func(st *State) { st.Slaves[0].AD.Fallback = true; st.Slaves[1].silent(time.Hour) },
			"DEGRADED: no partner speaks LACP, 1 of 2 slaves carrying traffic", "degraded eth0,degraded eth1", 1},
	} {
		st := judged(c.mode)
		c.change(st)
		v := judge(st, judgedAt)
		var words []string
		for _, cause := range v.Causes {
			words = append(words, strings.TrimSpace(string(cause.Word)+" "+cause.Slave))
			if cause.Text == "" || cause.Advice == "" {
				t.Errorf("%s: %+v", c.name, cause)
			}
		}
		if got := v.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := strings.Join(words, ","); got != c.causes || v.Causes == nil {
			t.Errorf("%s: causes %q, want %q", c.name, got, c.causes)
		}
		if got := v.Severity.ExitStatus(); got != c.exit {
			t.Errorf("%s: exit status %d, want %d", c.name, got, c.exit)
		}
	}
}

func TestReturnedIsForgotten(t *testing.T) {
	var r returned
	at := func(s int) time.Time { return judgedAt.Add(time.Duration(s) * time.Second) }
	r.note(at(0), 3)
	r.note(at(1), 3)
	r.note(at(40), 5)
	if got := r.at(at(60)); got != (Returned{5, at(40)}) {
		t.Error(got)
	}
	r.note(at(61), 0) // counters of another life
	if got := r.at(at(310)); got != (Returned{2, at(40)}) {
		t.Error(got)
	}
	r.note(at(320), 1)
	if got := r.at(at(350)); got != (Returned{1, at(320)}) {
		t.Error(got)
	}
	if got := r.at(at(1000)); got != (Returned{}) {
		t.Error(got)
	}
}
