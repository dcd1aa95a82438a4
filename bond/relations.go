package bond

import (
	"github.com/tapbond/tapbond/internal/relations"
)

// relations reads how the host's devices depend on each other, with what the kernel
// doesn't know: which NICs are, or are about to be, slaves of which bonds.
func (e *Engine) relations() (*relations.Map, error) {
	m, err := e.sys.Relations()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for index, b := range e.links {
		if index != b.index {
			m.Enslave(index, b.index)
		}
	}
	return m, nil
}

// relate looks at what else uses the interface that is to become a slave.
func (e *enslaving) relate(index int) error {
	m, err := e.b.engine.relations()
	if err != nil {
		return err
	}
	for _, d := range m.Claimants(relations.Local(index)) {
		// A bond of ours is in use by its claim; any master shows in the link itself.
		e.sit.Claimed = e.sit.Claimed || d.Kind != "bond"
	}
	e.devices = m
	owner := e.b.engine.owner(index)
	e.sit.OwnBond = owner != nil && owner != e.b && owner.index == index
	e.sit.Loop = m.Loop(relations.Local(index), relations.Local(e.b.index))
	return nil
}
