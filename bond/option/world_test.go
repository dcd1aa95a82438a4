package option

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// world stands in for the engine: it carries out effects in the plainest way,
// enough for the next request to find the situation the driver was in.
type world struct {
	v   Values
	env Env
}

// newWorld makes the situation of a section: "mode 1, bond down, no slaves" or
// "mode 1, miimon 100, bond up, two slaves".
func newWorld(t *testing.T, head string) *world {
	t.Helper()
	w := &world{v: Defaults()}
	w.env = Env{Bond: "bond0", AllowUnsupported: true, Interface: w.iface}
	var mode string
	if _, err := fmt.Sscanf(head, "mode %1s", &mode); err != nil {
		t.Fatalf("section %q: %v", head, err)
	}
	w.must(t, Assign{Option: "mode", Value: mode})
	if strings.Contains(head, "miimon 100") {
		w.must(t, Assign{Option: "miimon", Value: "100"})
	}
	if strings.HasSuffix(head, "two slaves") {
		w.must(t, Assign{Option: "slaves", Value: "+eth0"})
		w.must(t, Assign{Option: "slaves", Value: "+eth1"})
		w.env.Up = true
	}
	return w
}

// iface: lo is up, eth0 and eth1 are ours when enslaved, eth2 is bond1's.
func (w *world) iface(name string) Iface {
	switch name {
	case "lo", "bond1":
		return Iface{Exists: true, Up: true}
	case "eth0", "eth1":
		return Iface{Exists: true}
	case "eth2":
		return Iface{Exists: true, Up: true, Master: "bond1", BondSlave: true}
	}
	return Iface{}
}

func (w *world) must(t *testing.T, a ...Assign) {
	t.Helper()
	if err := w.apply(ViaNetlink, a...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) apply(via Via, a ...Assign) error {
	_, err := w.run(via, a...)
	return err
}

// run applies a request and carries out its effects.
func (w *world) run(via Via, a ...Assign) (Result, error) {
	w.env.Via = via
	res, err := w.v.Apply(w.env, a)
	if err != nil {
		return res, err
	}
	w.v = res.Values
	for _, e := range res.Effects {
		w.carryOut(e)
	}
	return res, nil
}

func (w *world) carryOut(e Effect) {
	slave := func(name string) *Slave { return w.env.slave(name) }
	switch e := e.(type) {
	case Enslave:
		w.env.Slaves = append(w.env.Slaves, Slave{Name: e.Slave, Ready: true})
		w.reselect(false)
	case Release:
		w.env.Slaves = slices.DeleteFunc(slices.Clone(w.env.Slaves), func(s Slave) bool { return s.Name == e.Slave })
		w.reselect(false)
	case SetQueueID:
		slave(e.Slave).QueueID = e.ID
	case SetActive:
		w.env.Active = e.Slave
	case ClearActive:
		w.env.Active = ""
	case Reselect:
		w.reselect(e.Force)
	}
}

// reselect: the primary if it may, else the active one if it still can, else
// the first that can.
func (w *world) reselect(force bool) {
	active := ""
	for _, s := range w.env.Slaves {
		if !s.Ready {
			continue
		}
		if active == "" || s.Name == w.env.Active {
			active = s.Name
		}
	}
	p := w.env.slave(w.v.Primary)
	if p != nil && p.Ready && (force || w.env.Active == "" || w.v.PrimaryReselect == ReselectAlways) {
		active = p.Name
	}
	w.env.Active = active
}

// event is a line like "eth1 down".
func (w *world) event(s string) bool {
	var name, state string
	if n, _ := fmt.Sscanf(s, "%s %s", &name, &state); n != 2 || w.env.slave(name) == nil {
		return false
	}
	w.env.slave(name).Ready = state == "up"
	w.reselect(false)
	return true
}

func (w *world) runtime() *Runtime {
	return &Runtime{Slaves: w.env.Slaves, Active: w.env.Active}
}

// read returns a sysfs file's content as the recordings have it.
func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	s, ok := w.v.ReadFile(name, w.runtime())
	if !ok {
		t.Fatalf("no file %s", name)
	}
	return strings.TrimSuffix(s, "\n")
}
