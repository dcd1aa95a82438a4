package bond

import (
	"context"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

// System is the machine as the engine needs it: the host's links, the devices
// it opens, and what it hears of them. The real one is in system_linux.go, the
// tests' beside them.
type System interface {
	link.Host
	// OpenTAP creates (or adopts) the TAP that stands in for a bond.
	OpenTAP(tap.Options) (tap.Device, error)
	// OpenPort opens a slave's data socket.
	OpenPort(index int, o nic.Options) (nic.Port, error)
	// OpenControl opens a slave's socket for frames of ours that must not wait
	// behind data.
	OpenControl(index int) (nic.ControlPort, error)
	// Shield keeps the host's own stack from answering on a slave. With a seat
	// its program does, and carries the slave's IP.
	Shield(index int, seat Seat) (Shield, error)
	// BypassedRules lists firewall rules on a NIC that the bond's frames bypass;
	// redirected says that the express lane sends by it.
	BypassedRules(index int, name string, redirected bool) ([]string, error)
	// Driven returns nic.ErrDriven if another process of ours drives the NIC.
	Driven(index int) error
	// Marked reports whether a filter of ours is on a link, this process's or
	// another one's.
	Marked(index int) (bool, error)
	// Hooked reports whether a link has the hook that filters are put on.
	Hooked(index int) (bool, error)
	// Unshield removes a filter of ours, if there is one, and the hook if nobody
	// uses it and it wasn't there before ours. It is for what another process left.
	Unshield(index int, hooked bool) error
	// OwnTAP reports whether a TAP has the mark that OpenTAP gives it.
	OwnTAP(link.Info) bool
	// DeleteTAP deletes a TAP that this process has not opened.
	DeleteTAP(index int) error
	// RemoveLane removes what the express lane of another process left on a TAP.
	RemoveLane(index int) error
	// OpenLane opens the express lane on a bond's TAP.
	OpenLane(index int) (Lane, error)
	// Observed tells why a TAP's frames must pass the TAP, empty if nobody would
	// miss them there.
	Observed(index int) (string, error)
	// Speed reads a link's speed and duplex, zero if it knows none.
	Speed(index int) monitor.Speed
	// Carrier reads a link's true carrier (admin up and carrier).
	Carrier(index int) bool
	// WatchCarrier reports index's carrier to report, first what it is now and
	// then each change; frames grows while the link is busy, which is when it
	// is looked at most often.
	// A prompt link's events are never late.
	WatchCarrier(index int, prompt bool, frames func() uint64, report func(up bool)) error
	// RenameCarrier says that an interface watched has another name now.
	RenameCarrier(index int, name string)
	// UnwatchCarrier ends that.
	UnwatchCarrier(index int)
	// CheckCarrier has index's carrier read now rather than at the next turn.
	// It neither waits nor allocates: workers call it.
	CheckCarrier(index int)
	// Managers are the programs that would configure a NIC that looks free.
	Managers() Managers
}

// Managers are other programs that configure NICs by themselves, by name. Each
// call returns within some seconds, whatever they do.
type Managers interface {
	// Look returns those that would configure the NIC.
	Look(ctx context.Context, nic string) []string
	// Hold has them leave the NIC alone.
	Hold(ctx context.Context, h unmanage.Held) []error
	// Free has them go on as before.
	Free(ctx context.Context, held ...unmanage.Held) []error
	// Sweep frees what was held by a process that is no more, but for the NICs
	// to keep.
	Sweep(ctx context.Context, keep []string) []error
	// Clients are programs that were started for the NIC alone.
	Clients(nic string) []unmanage.Client
}

// Shield is the drop in front of a slave's own stack.
type Shield interface {
	// Check reports whether it is still in place.
	Check() (bool, error)
	// Mend puts it back.
	Mend() error
	Remove() error
}
