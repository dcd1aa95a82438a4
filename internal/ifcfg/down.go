package ifcfg

import "slices"

// Down plans to remove bonds that are there.
func (s *Set) Down(names []string, w *World) *Plan {
	p := s.planner(w, Rules{})
	for _, name := range names {
		if w.bond(name) != nil {
			p.remove(name)
		}
	}
	return &Plan{Steps: p.steps}
}

// Running are the names of the set's bonds that are there.
func (s *Set) Running(w *World) []string {
	var out []string
	for _, b := range w.Bonds {
		if s.Bond(b.Name) != nil || len(s.slavesOf(b.Name)) > 0 {
			out = append(out, b.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Restart plans to remove those of the bonds that are there and to bring all of
// them up, none named meaning those that come up at boot. Mistakes are found before
// anything is removed.
func (s *Set) Restart(names []string, w *World, r Rules) (*Plan, error) {
	going := names
	if len(names) == 0 {
		going = s.Running(w)
	}
	down := s.Down(going, w)
	for _, name := range going {
		if w.bond(name) != nil {
			w = w.without(name)
		}
	}
	up, err := s.up(names, w, r)
	if err != nil {
		return nil, err
	}
	up.Steps = append(down.Steps, up.Steps...)
	return up, nil
}

// Reload plans what makes the running bonds what the files say: what can't be
// changed on one has it made anew, what the files don't have goes.
func (s *Set) Reload(names []string, w *World, r Rules) (*Plan, error) {
	r.Rebuild = true
	return s.up(names, w, r)
}

// up is Up of the names, or UpAll of none.
func (s *Set) up(names []string, w *World, r Rules) (*Plan, error) {
	if len(names) == 0 {
		return s.UpAll(w, r)
	}
	return s.Up(names, w, r)
}

// DownSlave plans to let one slave go.
func (s *Set) DownSlave(name string, w *World) *Plan {
	var p Plan
	nic := name
	if v := s.Slave(name); v != nil {
		quiet := s.planner(w, Rules{})
		if l := quiet.nic(v); l != nil {
			nic = l.Name
		}
	}
	if b := w.bondOf(nic); b != nil {
		p.Steps = append(p.Steps, Step{Op: Release, Bond: b.Name, Link: nic})
	}
	return &p
}
