package bond

import "github.com/tapbond/tapbond/internal/relations"

// A slave that gets stacked on its own bond later, such as a bridge that the bond is
// put into, can't be refused: the kernel doesn't know that the TAP is above it. It is
// kept, and carries nothing while the loop lasts: it counts as without carrier.

// breakLoop takes whether a slave is stacked on the bond now. The caller holds the
// bond's lock.
func (b *Bond) breakLoop(m *relations.Map, s *slave) {
	loop := m.Loop(relations.Local(s.index), relations.Local(b.index))
	var was bool
	if b.call(func() { was = s.looped }) != nil || loop == was {
		return
	}
	carrier := !loop && b.sys.Carrier(s.index)
	_ = b.call(func() {
		s.looped, b.dirty = loop, true
		if loop {
			b.warn(s, "loop", "interface is stacked on "+b.name+", its own bond, and carries nothing until that ends")
		} else {
			b.event(Event{Slave: s.name, Kind: "loop", Message: "interface is no longer stacked on its own bond", Why: "the loop is undone"})
		}
		b.setCarrier(s, carrier)
	})
}

// noCarrier says why a slave counts as without carrier.
func (s *slave) noCarrier() string {
	if s.looped {
		return "it is stacked on its own bond"
	}
	return "no carrier"
}

// loops judges slaves that are stacked on the bond.
func (j *judgement) loops() {
	for i := range j.st.Slaves {
		if s := &j.st.Slaves[i]; s.Looped {
			j.add(WordLooped, s.Name, s.Name+" is a slave of "+j.st.Name+" and stacked on it: it carries nothing",
				"take "+j.st.Name+" and what is on it out of "+s.Name+" (ip link set "+j.st.Name+" nomaster), or release it")
		}
	}
}
