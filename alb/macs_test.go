package alb

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestMacsSwap(t *testing.T) {
	m := NewMacs(mac(0))
	for id := range 3 {
		a, err := m.Free(mac(byte(id)))
		if err != nil || a != mac(byte(id)) {
			t.Fatalf("slave %d: %v, %v", id, a, err)
		}
		m.Add(Addr{ID: id, Perm: mac(byte(id)), Now: a})
	}
	want := func(what string, macs ...byte) {
		t.Helper()
		for id, n := range macs {
			if m.Of(id) != mac(n) {
				t.Errorf("%s: slave %d has %v, want %d", what, id, m.Of(id), n)
			}
		}
	}
	m.Activate(0)
	want("the first is active", 0, 1, 2)
	m.Activate(1) // as recorded from the driver
	want("failover", 1, 0, 2)
	m.Activate(2)
	want("another", 1, 2, 0)
	m.SetBond(mac(9), 2)
	want("a new address for the bond", 1, 2, 9)
	m.SetBond(mac(1), 2)
	want("one that a slave has", 9, 2, 1)
	if len(m.All()) != 3 {
		t.Errorf("ours: %v", m.All())
	}
}

func TestMacsCollision(t *testing.T) {
	m := NewMacs(mac(0))
	m.Add(Addr{ID: 0, Perm: mac(0), Now: mac(0)})
	var clash *Clash
	if _, err := m.Free(mac(0)); !errors.As(err, &clash) {
		t.Errorf("two of the bond's address: %v", err)
	}
	m.Add(Addr{ID: 1, Perm: mac(1), Now: mac(1)})
	m.Add(Addr{ID: 2, Perm: mac(2), Now: mac(2)})
	m.SetBond(mac(8), 1) // nobody has 1 now
	if got, err := m.Free(mac(2)); err != nil || got != mac(1) {
		t.Errorf("a free one of another: %v, %v", got, err)
	}
}

func TestMacsRelease(t *testing.T) {
	m := NewMacs(mac(0))
	for id := range 3 {
		m.Add(Addr{ID: id, Perm: mac(byte(id)), Now: mac(byte(id))})
	}
	m.Activate(1) // 0 has 1's address
	m.Activate(2) // 1 has 2's
	m.Remove(1)   // its own is with 0, which gets 2's
	if m.Of(0) != mac(2) || m.Of(2) != mac(0) || m.Of(1) != [6]byte{} {
		t.Errorf("0 has %v, 2 has %v", m.Of(0), m.Of(2))
	}
}

// Addresses stay unique and the active slave has the bond's, whatever happens.
func TestMacsUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, next, active := NewMacs(mac(0)), 0, -1
		ids := []int{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				perm := mac(byte(rapid.IntRange(0, 5).Draw(t, "own address")))
				if got, err := m.Free(perm); err == nil {
					m.Add(Addr{ID: next, Perm: perm, Now: got})
					ids = append(ids, next)
					next++
				}
			case 1:
				if len(ids) > 1 {
					i := rapid.IntRange(0, len(ids)-1).Draw(t, "leaves")
					if ids[i] == active {
						active = ids[(i+1)%len(ids)]
						m.Activate(active)
					}
					m.Remove(ids[i])
					ids = append(ids[:i:i], ids[i+1:]...)
				}
			case 2:
				if len(ids) > 0 {
					active = rapid.SampledFrom(ids).Draw(t, "active")
					m.Activate(active)
				}
			case 3:
				m.SetBond(mac(byte(rapid.IntRange(0, 9).Draw(t, "bond"))), active)
			}
			seen := map[[6]byte]int{}
			for _, id := range ids {
				if other, twice := seen[m.Of(id)]; twice {
					t.Fatalf("%d and %d both have %v", other, id, m.Of(id))
				}
				seen[m.Of(id)] = id
			}
			if active >= 0 && m.Of(active) != m.bond {
				t.Fatalf("the active slave %d has %v, the bond %v", active, m.Of(active), m.bond)
			}
		}
	})
}
