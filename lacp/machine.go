package lacp

import "time"

// Machine is the LACP of one bond. It is not safe for concurrent use.
type Machine struct {
	cfg Config
	up  bool
}

// New returns a Machine without ports, admin down.
func New(cfg Config) *Machine { return &Machine{cfg: cfg} }

// Step takes one event at time now, which never goes backwards, and appends
// what is to be done to out.
func (m *Machine) Step(now time.Time, ev Event, out []Effect) []Effect {
	switch ev := ev.(type) {
	case Configure:
		m.cfg = ev.Config
	case Admin:
		m.up = ev.Up
	}
	return out
}

// Next returns the earliest deadline: Step a Tick then, or any other event.
// False if there is none.
func (m *Machine) Next() (time.Time, bool) { return time.Time{}, false }

// State returns a copy of everything, as it is at now.
func (m *Machine) State(now time.Time) State {
	return State{System: m.cfg.System, Up: m.up, Config: m.cfg}
}
