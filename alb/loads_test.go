package alb

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tapbond/tapbond/policy"
)

var start = time.Unix(0, 0)

// pair are a slow active slave and one twice as fast.
func pair() []Slave {
	return []Slave{{ID: 7, Mbps: 100, Usable: true, Active: true}, {ID: 2, Mbps: 200, Usable: true}}
}

// parts are the octets/s of the slaves, by ID, with these rates of the buckets.
func parts(l *Loads, rates *policy.Load) map[int]uint64 {
	m := map[int]uint64{}
	for b := range policy.Buckets {
		m[l.Slave(b)] += rates[b]
	}
	return m
}

func TestNewFlowsFollowTheSpeed(t *testing.T) {
	l := NewLoads(start)
	l.SetSlaves(start, pair())
	n := map[int]int{}
	for b := range policy.Buckets {
		n[l.Slave(b)]++
	}
	if n[7] < 84 || n[7] > 87 || n[2] != policy.Buckets-n[7] {
		t.Errorf("buckets: %v", n)
	}
}

// 64 flows of different rates settle within two rebalancings near the slaves'
// share of the capacity, with none idle.
func TestUnequalSlaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := NewLoads(start), start
		l.SetSlaves(now, pair())
		var rates policy.Load
		var sum uint64
		for _, b := range rapid.SliceOfNDistinct(rapid.IntRange(0, policy.Buckets-1), 64, 64, rapid.ID[int]).Draw(t, "buckets") {
			rates[b] = rapid.Uint64Range(50_000, 400_000).Draw(t, "octets/s")
			sum += rates[b]
		}
		for range 2 {
			now = now.Add(RebalanceEvery)
			sent := rates
			for b := range sent {
				sent[b] *= 10
			}
			l.Add(&sent)
			l.Rebalance(now)
		}
		got := parts(l, &rates)
		if share := float64(got[7]) / float64(sum); math.Abs(share-1./3) > 0.03 {
			t.Fatalf("the slow slave has %.3f of the load", share)
		}
		before := l.on
		l.Add(&rates)
		if l.SetSlaves(now.Add(time.Second), pair()); l.on != before {
			t.Fatal("buckets moved between rebalancings")
		}
	})
}

// What isn't balanced counts on the active slave.
func TestUnbalancedLoad(t *testing.T) {
	l := NewLoads(start)
	slaves := pair()
	slaves[1].Mbps = 100
	l.SetSlaves(start, slaves)
	var sent policy.Load
	for b := range policy.Buckets {
		sent[b] = 1000
	}
	sent[policy.Unbalanced] = 64 * 1000
	l.Add(&sent)
	l.Rebalance(start.Add(time.Second))
	n := parts(l, &sent)
	if n[7] < 94_000 || n[7] > 98_000 { // 96 buckets and what isn't balanced are half of it
		t.Errorf("loads: %v", n)
	}
}

// A steady load is left alone: flows don't move for nothing.
func TestSteadyLoadStays(t *testing.T) {
	l, now := NewLoads(start), start
	l.SetSlaves(now, pair())
	var sent policy.Load
	for b := 0; b < policy.Buckets; b += 4 {
		sent[b] = uint64(100 + b*37%61)
	}
	for range 3 {
		now = now.Add(RebalanceEvery)
		l.Add(&sent)
		l.Rebalance(now)
	}
	moves := l.Moves()
	for range 10 {
		now = now.Add(RebalanceEvery)
		l.Add(&sent)
		l.Rebalance(now)
	}
	if l.Moves() != moves {
		t.Errorf("%d buckets moved though nothing changed", l.Moves()-moves)
	}
}

func TestLostSlave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var slaves []Slave
		for id := range rapid.IntRange(1, 5).Draw(t, "slaves") {
			slaves = append(slaves, Slave{ID: id, Mbps: rapid.SampledFrom([]uint32{10, 100, 1000, 25000}).Draw(t, "speed"), Usable: true})
		}
		l, now := NewLoads(start), start
		l.SetSlaves(now, slaves)
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "s")) * time.Second)
			var sent policy.Load
			for b := range sent {
				sent[b] = rapid.SampledFrom([]uint64{0, 0, 60, 1500, 1 << 30}).Draw(t, "octets")
			}
			l.Add(&sent)
			before := l.on
			i := rapid.IntRange(0, len(slaves)-1).Draw(t, "slave")
			slaves[i].Usable = !slaves[i].Usable
			l.SetSlaves(now, slaves)
			for b, id := range l.on {
				if id < 0 != !slices.ContainsFunc(slaves, func(s Slave) bool { return s.Usable }) || id >= 0 && !slaves[id].Usable {
					t.Fatalf("bucket %d on %d of %+v", b, id, slaves)
				}
				if !slaves[i].Usable && before[b] != i && before[b] >= 0 && id != before[b] {
					t.Fatalf("bucket %d moved from %d to %d when %d was lost", b, before[b], id, i)
				}
			}
		}
	})
}
