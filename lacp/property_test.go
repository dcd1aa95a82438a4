package lacp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func (k *keeper) some(t *rapid.T) PortID {
	if len(k.ids) == 0 {
		return 0
	}
	return rapid.SampledFrom(k.ids).Draw(t, "port")
}

// pdu is one that makes sense more often than not.
func (k *keeper) pdu(t *rapid.T, id PortID) LACPDU {
	p := LACPDU{Version: 1, Actor: Info{
		SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, rapid.SampledFrom([]byte{0xaa, 0xaa, 0xaa, 0xbb}).Draw(t, "partner")},
		Key: rapid.SampledFrom([]uint16{17, 17, 17, 18}).Draw(t, "key"), PortPriority: 255, Port: uint16(id),
		State: Bits(rapid.SampledFrom([]byte{0x3f, 0x3f, 0x0f, 0x07, 0x3d, 0x3b, 0x2f, 0x00, 0xc7}).Draw(t, "state")),
	}}
	st := k.m.State(k.now)
	if port := st.Port(id); port != nil && rapid.IntRange(0, 5).Draw(t, "echo") > 0 {
		p.Partner = port.Actor
	}
	return p
}

func config() *rapid.Generator[Config] {
	return rapid.Custom(func(t *rapid.T) Config {
		return Config{
			System: System{uint16(rapid.IntRange(1, 65535).Draw(t, "priority")), MAC{2, 0, 0, 0, 0, 0x11}},
			Active: rapid.Bool().Draw(t, "active"), Fast: rapid.Bool().Draw(t, "fast"), Coupled: rapid.Bool().Draw(t, "coupled"),
			Select: Select(rapid.IntRange(0, 3).Draw(t, "ad_select")), MinLinks: rapid.IntRange(0, 3).Draw(t, "min_links"),
			Strict: rapid.Bool().Draw(t, "strict"), MaxLinks: rapid.IntRange(0, 3).Draw(t, "max_links"),
			BroadcastNeighbor: rapid.Bool().Draw(t, "broadcast_neighbor"), Fallback: Fallback(rapid.IntRange(0, 2).Draw(t, "fallback")),
			FallbackDelay: time.Duration(rapid.IntRange(0, 3000).Draw(t, "delay")) * time.Millisecond,
			UserKey:       uint16(rapid.IntRange(0, 1023).Draw(t, "key")),
		}
	})
}

// TestWhateverHappens: no sequence of events breaks what must always hold.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := config().Draw(t, "config")
		k := newKeeper(t, cfg)
		k.step(Admin{true})
		for range rapid.IntRange(2, 4).Draw(t, "ports") {
			k.add()
			k.step(PortLink{Port: k.last, Up: true, Mbps: 10000})
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if len(k.ids) < 6 {
					k.add()
				}
			},
			"remove": func(t *rapid.T) {
				if len(k.ids) > 0 {
					i := rapid.IntRange(0, len(k.ids)-1).Draw(t, "which")
					id := k.ids[i]
					k.ids = append(k.ids[:i:i], k.ids[i+1:]...)
					k.step(PortRemoved{id})
					if k.coll[id] || k.dist[id] {
						t.Fatal("a port that is gone is still in use")
					}
				}
			},
			"leave": func(t *rapid.T) {
				if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
					k.step(PortLeaving{k.some(t)})
				}
			},
			"link": func(t *rapid.T) {
				k.step(PortLink{
					Port: k.some(t), Up: rapid.IntRange(0, 3).Draw(t, "up") > 0, Mbps: rapid.SampledFrom([]uint32{10000, 10000, 10000, 1000, 0}).Draw(t, "speed"),
					HalfDuplex: rapid.IntRange(0, 9).Draw(t, "half") == 0,
				})
			},
			"admin": func(t *rapid.T) { k.step(Admin{rapid.IntRange(0, 9).Draw(t, "up") > 0}) },
			"configure": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					k.cfg = config().Draw(t, "config")
					k.step(Configure{k.cfg})
				}
			},
			"priority": func(t *rapid.T) {
				k.step(PortPriority{k.some(t), uint16(rapid.IntRange(1, 3).Draw(t, "priority"))})
			},
			"pdu":  func(t *rapid.T) { id := k.some(t); k.step(PDU{id, k.pdu(t, id)}) },
			"pdus": func(t *rapid.T) { k.everybody() },
			"echo": func(t *rapid.T) {
				st := k.m.State(k.now)
				if p := st.Port(k.some(t)); p != nil {
					k.step(PDU{k.some(t), LACPDU{Version: 1, Actor: p.Actor, Partner: p.Partner}})
				}
			},
			"marker": func(t *rapid.T) {
				k.step(MarkerPDU{k.some(t), Marker{Type: uint8(rapid.IntRange(0, 3).Draw(t, "type"))}})
			},
			"fail": func(t *rapid.T) { k.fail(k.some(t)) },
			"wait": func(t *rapid.T) { k.wait(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond) },
			"next": func(t *rapid.T) {
				if at, ok := k.m.Next(); ok {
					k.wait(at.Sub(k.now))
				}
			},
		})
		k.recovers()
	})
}
