package bond

import (
	"net"

	"github.com/tapbond/tapbond/internal/express"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

// Linux is the System of the network namespace it was made in.
type Linux struct {
	*link.Linux
	poller *monitor.Poller
	watch  *monitor.Watch
	guard  *unmanage.Guard
}

var _ System = (*Linux)(nil)

// NewSystem opens what it takes to work in the caller's network namespace,
// which must be that of the whole process.
func NewSystem() (*Linux, error) {
	guard, err := unmanage.New()
	if err != nil {
		return nil, err
	}
	l, err := link.NewLinux()
	if err != nil {
		return nil, err
	}
	p, err := monitor.NewPoller()
	if err != nil {
		l.Close()
		return nil, err
	}
	w, err := monitor.NewWatch()
	if err != nil {
		p.Close()
		l.Close()
		return nil, err
	}
	return &Linux{Linux: l, poller: p, watch: w, guard: guard}, nil
}

// Events is what the kernel says of links and addresses.
func (l *Linux) Events() <-chan monitor.WatchEvent { return l.watch.Events() }

// Close ends the polling and the watching.
func (l *Linux) Close() {
	l.watch.Close()
	l.poller.Close()
	l.Linux.Close()
}

// OpenTAP implements System.
func (l *Linux) OpenTAP(o tap.Options) (tap.Device, error) { return tap.Open(o) }

// netInterface is an interface as package net has it, which lists all to find one.
func (l *Linux) netInterface(index int) (*net.Interface, error) {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return nil, err
	}
	return &net.Interface{Index: i.Index, Name: i.Name, MTU: i.MTU, HardwareAddr: i.MAC[:]}, nil
}

// OpenPort implements System.
func (l *Linux) OpenPort(index int, o nic.Options) (nic.Port, error) {
	ifi, err := l.netInterface(index)
	if err != nil {
		return nil, err
	}
	return nic.Open(ifi, o)
}

// OpenControl implements System.
func (l *Linux) OpenControl(index int) (nic.ControlPort, error) {
	ifi, err := l.netInterface(index)
	if err != nil {
		return nil, err
	}
	return nic.OpenControl(ifi, nic.Filter{})
}

// Shield implements System.
func (l *Linux) Shield(index int, seat Seat) (Shield, error) {
	if seat != nil {
		return nic.IsolateBy(index, seat.FD())
	}
	return nic.Isolate(index)
}

// BypassedRules implements System.
func (l *Linux) BypassedRules(index int, name string, redirected bool) ([]string, error) {
	return nic.BypassedRules(index, name, redirected)
}

// Driven implements System.
func (l *Linux) Driven(index int) error { return nic.Driven(index) }

// Marked implements System.
func (l *Linux) Marked(index int) (bool, error) { return nic.Isolated(index) }

// Hooked implements System.
func (l *Linux) Hooked(index int) (bool, error) { return nic.Hooked(index) }

// Unshield implements System.
func (l *Linux) Unshield(index int, hooked bool) error { return nic.Unisolate(index, hooked) }

// OwnTAP implements System.
func (l *Linux) OwnTAP(i link.Info) bool { return tap.Marked(i.Name) }

// DeleteTAP implements System.
func (l *Linux) DeleteTAP(index int) error { return l.DeleteLink(index) }

// RemoveLane implements System.
func (l *Linux) RemoveLane(index int) error { return nic.UnhookOut(index) }

// lane is an express lane with its hook.
type lane struct {
	*express.Lane
	index int
	*nic.Hook
}

func (l *lane) Seat() (Seat, error) { return l.Lane.Seat() }

func (l *lane) Attach() (err error) {
	l.Hook, err = nic.HookOut(l.index, l.Lane.FD())
	return err
}

// OpenLane implements System.
func (l *Linux) OpenLane(index int) (Lane, error) {
	x, err := express.New(index)
	if err != nil {
		return nil, err
	}
	return &lane{Lane: x, index: index}, nil
}

// Speed implements System.
func (l *Linux) Speed(index int) monitor.Speed {
	name, err := l.poller.Name(index)
	if err != nil {
		return monitor.Speed{}
	}
	s, err := monitor.ReadSpeed(name)
	if err != nil {
		return monitor.Speed{} // a NIC that won't tell is one that doesn't know
	}
	return s
}

// Carrier implements System.
func (l *Linux) Carrier(index int) bool {
	up, err := l.poller.ReadCarrier(index)
	return err == nil && up
}

// WatchCarrier implements System.
func (l *Linux) WatchCarrier(index int, prompt bool, frames func() uint64, report func(up bool)) error {
	return l.poller.Add(index, prompt, frames, report)
}

// UnwatchCarrier implements System.
func (l *Linux) UnwatchCarrier(index int) { l.poller.Remove(index) }

// RenameCarrier implements System.
func (l *Linux) RenameCarrier(index int, name string) { l.poller.Rename(index, name) }

// CheckCarrier implements System.
func (l *Linux) CheckCarrier(index int) { l.poller.Check(index) }

// Managers implements System.
func (l *Linux) Managers() Managers { return l.guard }
