package policy_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "github.com/tapbond/tapbond/policy"
)

// slaves makes a snapshot: in pattern "+" can transmit, "-" is down, "b" is up
// but a backup.
func slaves(pattern string) *Snapshot {
	s := &Snapshot{Active: -1, PacketsPerSlave: 1}
	for i, c := range pattern {
		s.Slaves = append(s.Slaves, Slave{CanTx: c == '+', Up: c != '-'})
		if c == '+' {
			s.Usable = append(s.Usable, i)
		}
	}
	return s
}

func selector(t testing.TB, m Mode) Selector {
	t.Helper()
	s, ok := New(m)
	if !ok {
		t.Fatalf("%v: no selector", m)
	}
	return s
}

func decoded(t testing.TB, b []byte) *Frame {
	t.Helper()
	f := new(Frame)
	if !f.Decode(b) {
		t.Fatal("not decoded")
	}
	return f
}

func turns(t *testing.T, s *Snapshot, q *Queue, f *Frame, n int) (got []int) {
	t.Helper()
	sel := selector(t, BalanceRR)
	for range n {
		i, why := sel.Select(s, q, f)
		if (i < 0) != (why != None) {
			t.Fatalf("slave %d, %v", i, why)
		}
		got = append(got, i)
	}
	return got
}

func TestRoundRobin(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4))
	for _, c := range []struct {
		name    string
		slaves  string
		frames  uint32 // packets_per_slave
		counter uint32
		want    []int
	}{
		// The counter is raised first, so the second slave begins.
		{"one each", "+++", 1, 0, []int{1, 2, 0, 1, 2, 0}},
		{"one slave", "+", 1, 0, []int{0, 0, 0}},
		{"three each", "++", 3, 0, []int{0, 0, 1, 1, 1, 0, 0, 0, 1}},
		{"a dead one's share goes to the next", "+-+", 1, 0, []int{2, 2, 0, 2, 2, 0}},
		{"the last one's to the first", "++-", 1, 0, []int{1, 0, 0, 1, 0, 0}},
		{"two dead", "--+-", 1, 0, []int{2, 2, 2, 2}},
		{"backups don't transmit", "+b", 1, 0, []int{0, 0}},
		{"all dead", "--", 1, 0, []int{-1, -1}},
		{"none", "", 1, 0, []int{-1}},
		{"the counter wraps", "+++", 1, math.MaxUint32 - 1, []int{0, 0, 1, 2}},
		{"and starts a turn", "++", 4, math.MaxUint32 - 2, []int{1, 1, 0, 0, 0, 0, 1}},
		{"as many as there can be", "++", 65535, 65533, []int{0, 1, 1}},
	} {
		s := slaves(c.slaves)
		s.PacketsPerSlave = c.frames
		q := NewQueue(1)
		q.Counter = c.counter
		if got := turns(t, s, q, f, len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRoundRobinRandom(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4))
	s := slaves("+++-")
	s.PacketsPerSlave = 0
	q := NewQueue(0)
	var n [4]int
	const frames = 40000
	for _, i := range turns(t, s, q, f, frames) {
		n[i]++
	}
	// A quarter each, the first having the dead one's too. Five standard
	// deviations of a quarter of 40000 are 433.
	for i, want := range []int{frames / 2, frames / 4, frames / 4, 0} {
		if off := n[i] - want; off < -500 || off > 500 {
			t.Errorf("slave %d had %d frames of %d", i, n[i], frames)
		}
	}
	if q.Counter != 0 {
		t.Error("random turns counted")
	}
}

// Workers with different seeds do not go in step.
func TestRoundRobinSeeds(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4))
	s := slaves("++++")
	s.PacketsPerSlave = 0
	if a, b := turns(t, s, NewQueue(1), f, 32), turns(t, s, NewQueue(2), f, 32); slices.Equal(a[8:], b[8:]) {
		t.Error("the same sequence from two seeds:", a)
	}
}

func TestRoundRobinIGMP(t *testing.T) {
	igmp := decoded(t, ether(ipv4, v4{src: "192.0.2.1", dst: "224.0.0.22", proto: 2, options: 1}.of(zeros(8))))
	s, q := slaves("+++"), NewQueue(1)
	s.Active = 2
	if got := turns(t, s, q, igmp, 3); !slices.Equal(got, []int{2, 2, 2}) || q.Counter != 0 {
		t.Errorf("%v, counter %d", got, q.Counter)
	}
	s.Active = -1
	if got := turns(t, s, q, igmp, 3); !slices.Equal(got, []int{1, 2, 0}) {
		t.Errorf("without an active slave: %v", got)
	}
}

func TestActiveBackup(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4))
	sel := selector(t, ActiveBackup)
	s := slaves("b+-")
	s.Active = 1
	if i, why := sel.Select(s, nil, f); i != 1 || why != None {
		t.Errorf("%d, %v", i, why)
	}
	s.Active = 2 // down, and nobody has decided yet
	if i, why := sel.Select(s, nil, f); i != 2 || why != None {
		t.Errorf("link down: %d, %v", i, why)
	}
	s.Active = -1
	if i, why := sel.Select(s, nil, f); i != -1 || why != TxNoActive {
		t.Errorf("no active: %d, %v", i, why)
	}
}

func TestXOR(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4))
	sel := selector(t, BalanceXOR)
	for _, pattern := range []string{"+", "++", "-+-+", "+++++", "b-+b+-+"} {
		for _, p := range allPolicies {
			s := slaves(pattern)
			s.Hash = p
			i, why := sel.Select(s, nil, f)
			if want := s.Usable[f.Hash(p)%uint32(len(s.Usable))]; i != want || why != None {
				t.Errorf("%s, %v: %d, %v, want %d", pattern, p, i, why, want)
			}
		}
	}
	if i, why := sel.Select(slaves("-b"), nil, f); i != -1 || why != TxNoSlave {
		t.Errorf("none usable: %d, %v", i, why)
	}
}

func TestBroadcast(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4))
	fan := selector(t, Broadcast).(Fanout)
	for _, c := range []struct {
		slaves string
		want   []int
		why    Reason
	}{
		{"+++", []int{0, 1, 2}, None},
		{"-b+-", []int{1, 2}, None},
		{"--", nil, TxNoSlave},
		{"", nil, TxNoSlave},
	} {
		got, why := fan.Fanout(slaves(c.slaves), nil, f, []int{77})
		if !slices.Equal(got, append([]int{77}, c.want...)) || why != c.why {
			t.Errorf("%q: %v, %v", c.slaves, got, why)
		}
		first := -1
		if len(c.want) > 0 {
			first = c.want[0]
		}
		if i, why := fan.Select(slaves(c.slaves), nil, f); i != first || why != c.why {
			t.Errorf("%q: one is %d, %v", c.slaves, i, why)
		}
	}
}

// drawn is a bond with any slaves in any state.
func drawn(t *rapid.T) *Snapshot {
	s := slaves(rapid.StringOfN(rapid.RuneFrom([]rune("+-b")), 0, 8, -1).Draw(t, "slaves"))
	s.PacketsPerSlave = rapid.Uint32Range(0, 65535).Draw(t, "packets_per_slave")
	s.Hash = HashPolicy(rapid.IntRange(0, 5).Draw(t, "xmit_hash_policy"))
	return s
}

func drawnFrame(t *rapid.T) *Frame {
	g := newGenerator(rapid.Uint64().Draw(t, "frame"))
	f := new(Frame)
	f.Decode(g.mutated(g.frame()))
	return f
}

// A flow is on exactly one slave, a usable one, and stays there whatever else
// the worker sends and whatever slave is added that cannot transmit.
func TestFlowStaysOnOneUsableSlave(t *testing.T) {
	sel := selector(t, BalanceXOR)
	rapid.Check(t, func(t *rapid.T) {
		s, f, q := drawn(t), drawnFrame(t), NewQueue(1)
		i, why := sel.Select(s, q, f)
		if len(s.Usable) == 0 {
			if i != -1 || why != TxNoSlave {
				t.Fatalf("no usable slave: %d, %v", i, why)
			}
			return
		}
		if why != None || !s.Slaves[i].CanTx {
			t.Fatalf("slave %d of %+v, %v", i, s.Slaves, why)
		}
		sel.Select(s, q, drawnFrame(t))
		if again, _ := sel.Select(s, q, f); again != i {
			t.Fatalf("slave %d, then %d", i, again)
		}
		s.Slaves = append(s.Slaves, Slave{Up: rapid.Bool().Draw(t, "up")})
		if again, _ := sel.Select(s, q, f); again != i {
			t.Fatalf("slave %d, with an idle slave added %d", i, again)
		}
	})
}

// balance-rr drops only if no slave can transmit, and never picks one that
// cannot; broadcast picks exactly those that are up.
func TestSelectorsPickWhatTheyMay(t *testing.T) {
	rr, fan := selector(t, BalanceRR), selector(t, Broadcast).(Fanout)
	rapid.Check(t, func(t *rapid.T) {
		s, f := drawn(t), drawnFrame(t)
		q := NewQueue(rapid.Uint64().Draw(t, "seed"))
		q.Counter = rapid.Uint32().Draw(t, "counter")
		i, why := rr.Select(s, q, f)
		if len(s.Usable) == 0 {
			if i != -1 || why != TxNoSlave {
				t.Fatalf("balance-rr without a usable slave: %d, %v", i, why)
			}
		} else if why != None || !s.Slaves[i].CanTx {
			t.Fatalf("balance-rr: slave %d of %+v, %v", i, s.Slaves, why)
		}
		all, _ := fan.Fanout(s, q, f, nil)
		for i, sl := range s.Slaves {
			if slices.Contains(all, i) != sl.Up {
				t.Fatalf("broadcast: %v of %+v", all, s.Slaves)
			}
		}
		if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
			t.Fatalf("broadcast: %v", all)
		}
	})
}
