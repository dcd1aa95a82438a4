package tap

import "github.com/tapbond/tapbond/internal/vnet"

// Device is the TAP that stands in for the bond.
type Device interface {
	// Name and Index are those at the time of opening; the link may be renamed.
	Name() string
	Index() int
	// Queues are the attached queues, at least one. The first ones, as many as
	// were asked for at opening, carry whatever has no queue of its own.
	Queues() []Queue
	// Grow attaches queues until there are n.
	Grow(n int) error
	// Steer gives each of the queues ids (none of them 0) what the host maps to
	// it and nothing else, attached or not: what is mapped to one that isn't
	// goes to another. With none, the kernel spreads flows as it likes. It needs
	// the right to load eBPF.
	Steer(ids []uint16) error
	// Offload reports whether frames carry live virtio-net headers both ways.
	// If not, headers read are zero and those written are ignored: frames
	// written must be finished and fit the MTU.
	Offload() bool
	// SetCarrier switches the link's carrier (TUNSETCARRIER).
	SetCarrier(up bool) error
	// SetSpeed sets what the link reports as its speed in Mb/s, 0 for unknown,
	// and its duplex.
	SetSpeed(mbps uint32, duplex Duplex) error
	// Close detaches the queues. The TAP itself, its addresses and routes stay.
	Close() error
	// Delete removes the TAP from the system and closes.
	Delete() error
	// Elsewhere reports whether a TAP that isn't in this network namespace any more
	// was moved to another one.
	Elsewhere() bool
	// Discard gives up such a TAP: it is gone from there, too.
	Discard() error
}

// Queue is one queue of the TAP: frames from the host are read, frames for
// the host written. One goroutine reads; any number may write.
type Queue interface {
	vnet.Reader
	vnet.Writer
}
