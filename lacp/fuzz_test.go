package lacp

import (
	"math/rand/v2"
	"testing"
	"time"
)

// tape is the input of a fuzz target, read as what happens to a Machine: an
// operation's byte and its arguments, a byte each.
type tape struct {
	b []byte
	k *keeper
}

func (t *tape) next() byte {
	if len(t.b) == 0 {
		return 0
	}
	v := t.b[0]
	t.b = t.b[1:]
	return v
}

func (t *tape) has(bit int) bool { return t.next()>>bit&1 != 0 }

func (t *tape) port() PortID {
	if len(t.k.ids) == 0 {
		return 0
	}
	return t.k.ids[int(t.next())%len(t.k.ids)]
}

// systems are partners' identifiers of all shapes, and our own.
var systems = []MAC{
	{2, 0, 0, 0, 0, 0xaa}, {2, 0, 0, 0, 0, 0xaa}, {2, 0, 0, 0, 0, 0xbb}, {1, 0xe0, 0x52, 0, 0, 1}, {3, 3, 3, 3, 3, 3},
	{255, 255, 255, 255, 255, 255}, {0, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 0x11},
}

// pdu is a LACPDU: of a few systems, keys and ports, in any state, that echoes us
// or hasn't heard us, or has something wrong.
func (t *tape) pdu(id PortID) LACPDU {
	who, what, echo := t.next(), t.next(), t.next()
	p := LACPDU{Version: 1, Actor: Info{
		SystemPriority: 32768, System: systems[who&7], Key: 17 + uint16(who>>3&1), PortPriority: uint16(who >> 4 & 1),
		Port: uint16(id) + uint16(who>>5&1)*7, State: Bits(what),
	}}
	if who>>6 != 0 { // the rest says the same on all ports
		p.Actor.Port = uint16(who >> 6)
	}
	st := t.k.prev
	if port := st.Port(id); port != nil && echo&7 != 7 {
		p.Partner = port.Actor
		if echo&7 == 6 {
			p.Partner.Port += uint16(echo>>3&3) + 1
		}
	}
	return p
}

func (t *tape) config() Config {
	a, b, c := t.next(), t.next(), t.next()
	cfg := fastConfig()
	cfg.System.Priority = 1 + uint16(a&1)*65534
	cfg.Active, cfg.Fast, cfg.Coupled, cfg.Strict = a>>1&1 == 0, a>>2&1 == 0, a>>3&1 == 0, a>>4&1 != 0
	cfg.BroadcastNeighbor = a>>5&1 != 0
	cfg.Select, cfg.MinLinks = Select(b&3), int(b>>2&3)
	cfg.MaxLinks, cfg.Fallback = int(b>>4&3), Fallback(b>>6%3)
	cfg.FallbackDelay = time.Duration(c&7) * 500 * time.Millisecond
	cfg.SelectHold = time.Duration(c>>3&7) * time.Second
	if c>>6&1 != 0 {
		cfg.System.MAC[5] = 0x12
	}
	cfg.UserKey = uint16(c >> 7)
	return cfg
}

// twoSystems has every other port hear another system, for a while, be they in
// sync or not.
func (t *tape) twoSystems() {
	v, spell := t.next(), t.next()
	for range 1 + spell&31 {
		st := t.k.prev
		for i, id := range t.k.ids {
			state := Bits(0x3f)
			if v>>(i&1)&1 != 0 {
				state &^= Synchronization | Collecting | Distributing
			}
			t.k.step(PDU{id, LACPDU{Version: 1, Partner: st.Port(id).Actor, Actor: Info{
				SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, 0xaa + byte(i&1)}, Key: 17, PortPriority: 255, Port: uint16(id), State: state,
			}}})
		}
		t.k.wait(time.Duration(1+spell>>5) * 100 * time.Millisecond)
	}
}

// illegal is a LACPDU that must be dropped, for any of the reasons.
func (t *tape) illegal(id PortID) Frame {
	pdu := t.pdu(id)
	f := pdu.AppendFrame(nil, MAC{2})
	reasons := []Illegal{
		IllegalRunt, IllegalTagged, IllegalAddress, IllegalActorLen, IllegalPartnerLen, IllegalCollectorLen, IllegalActorSystem, IllegalActorPort,
	}
	return Frame{Port: id, Data: illegals[reasons[int(t.next())%len(reasons)]](f)}
}

// steps are what may happen; the tape picks one and its particulars.
var steps = []func(t *tape){
	func(t *tape) { id := t.port(); t.k.step(PDU{id, t.pdu(id)}) },
	func(t *tape) { id := t.port(); t.k.step(PDU{id, t.pdu(id)}) },
	func(t *tape) { // as bytes, with priority tags
		id := t.port()
		pdu := t.pdu(id)
		t.k.step(Frame{Port: id, Data: tags("8100e000", "88a80000")(pdu.AppendFrame(nil, MAC{2}))})
	},
	func(t *tape) { t.k.everybody() },
	func(t *tape) { t.k.wait(time.Duration(t.next()) * 10 * time.Millisecond) },
	func(t *tape) { t.k.wait(time.Duration(t.next()) * 500 * time.Millisecond) },
	func(t *tape) {
		if at, ok := t.k.m.Next(); ok {
			t.k.wait(at.Sub(t.k.now))
		}
	},
	func(t *tape) { // for a while all is well
		for range t.next() % 8 {
			t.k.everybody()
			t.k.wait(time.Second)
		}
	},
	func(t *tape) { t.twoSystems() },
	func(t *tape) { t.twoSystems() },
	func(t *tape) {
		id, v := t.port(), t.next()
		t.k.step(PortLink{Port: id, Up: v&3 != 0, Mbps: []uint32{10000, 10000, 1000, 0}[v>>2&3], HalfDuplex: v>>4 == 15})
	},
	func(t *tape) { t.k.step(t.illegal(t.port())) },
	func(t *tape) { t.k.cfg = t.config(); t.k.step(Configure{t.k.cfg}) },
	func(t *tape) { t.k.step(PortPriority{t.port(), uint16(t.next())}) },
	func(t *tape) { t.k.step(Admin{t.next()&7 != 0}) },
	func(t *tape) { id := t.port(); t.k.step(PortLeaving{id}) },
	func(t *tape) {
		if len(t.k.ids) > 0 {
			i := int(t.next()) % len(t.k.ids)
			id := t.k.ids[i]
			t.k.ids = append(t.k.ids[:i:i], t.k.ids[i+1:]...)
			t.k.step(PortRemoved{id})
		}
	},
	func(t *tape) {
		if len(t.k.ids) < 6 {
			t.k.add()
			t.k.step(PortLink{Port: t.k.last, Up: t.next()&3 != 0, Mbps: 10000})
		}
	},
	func(t *tape) { // another process goes on with a port
		if len(t.k.ids) < 6 {
			t.k.last++
			id := t.k.last
			t.k.ids = append(t.k.ids, id)
			pdu := t.pdu(id)
			t.k.step(PortAdded{Port: id, Name: "adopted", Priority: 255, Memory: &PortMemory{Partner: pdu.Actor, Fallback: t.has(0)}})
		}
	},
	func(t *tape) { t.k.fail(t.port()) },
	func(t *tape) {
		id := t.port()
		t.k.step(MarkerPDU{id, Marker{Type: t.next() & 3, Port: 1, System: MAC{2, 9}, Transaction: uint32(t.next())}})
	},
	func(t *tape) { t.k.step(Frame{Port: t.port(), Data: t.b[:min(len(t.b), 130)], InVLAN: t.has(0)}) },
}

// play has all of a tape happen to a bond of two to five ports.
func play(fail failer, b []byte) {
	t := &tape{b: b}
	t.k = newKeeper(fail, fastConfig())
	t.k.cfg = t.config()
	t.k.step(Configure{t.k.cfg})
	t.k.step(Admin{true})
	for range 2 + t.next()&3 {
		t.k.add()
		t.k.step(PortLink{Port: t.k.last, Up: true, Mbps: 10000})
	}
	for n := 0; n < 200 && len(t.b) > 0; n++ {
		steps[int(t.next())%len(steps)](t)
	}
	t.k.recovers()
}

// FuzzStep: no sequence of PDUs, links, settings and times breaks what must always
// hold, and after all of them a good partner forms a LAG.
func FuzzStep(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0x40, 0, 1, 7, 6, 0, 0, 0, 0, 7, 0, 4, 25, 7, 3}) // out of sync for 0.25 s
	for seed := range uint64(100) {
		b := make([]byte, 100+4*seed)
		rnd := rand.New(rand.NewPCG(seed, 2))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { play(t, b) })
}
