package nic

import (
	"errors"

	"github.com/tapbond/tapbond/internal/vnet"
)

// ErrGone says that the interface a socket was bound to no longer exists in
// its network namespace: deleted, or moved to another one. It is final; a new
// interface of the same name or index is another interface.
var ErrGone = errors.New("interface is gone")

// Port is the data socket of one slave. One goroutine reads; each goroutine
// that writes has a Writer of its own.
type Port interface {
	// ReadBatch's error is os.ErrClosed after Close and ErrGone once the
	// interface is gone; everything else is waited out.
	vnet.Reader
	// Writer returns a new Writer for one goroutine. Writers of one Port may
	// write at the same time. After Close they account every frame as Down.
	Writer() vnet.Writer
	// Index is the interface's index, fixed for the Port's life.
	Index() int
	// Offload reports whether Writers take live virtio-net headers. If not,
	// they ignore them: frames must be finished and fit the MTU. Headers of
	// frames read are live either way.
	Offload() bool
	// SetMembership makes the interface accept what is wanted, and no longer
	// accept what this Port asked for before and is not wanted any more. On
	// an error what could be applied is; calling again tries the rest.
	SetMembership(want Membership) error
	// Stats returns what the receive socket saw and lost since it was opened.
	Stats() Stats
	// Close unblocks ReadBatch, waits for WriteBatches under way (they do not
	// block) and gives up all memberships.
	Close() error
}

// Stats counts a Port's receive side, in frames.
type Stats struct {
	Arrived   uint64 // taken by the socket (PACKET_STATISTICS)
	Received  uint64 // handed out by ReadBatch
	Dropped   uint64 // the socket buffer had no room (PACKET_STATISTICS)
	Truncated uint64 // longer than the buffer
	Malformed uint64 // shorter than an Ethernet header, or with offload facts a header cannot say
}

// MAC is an Ethernet address.
type MAC = [6]byte

// Membership is what an interface shall accept besides its own unicast
// address and broadcast. Duplicates do no harm.
type Membership struct {
	Unicast   []MAC
	Multicast []MAC
	Promisc   bool
	AllMulti  bool
}

// Received describes one frame that ControlPort.Receive put into a buffer.
type Received struct {
	// N is the frame's length in octets, destination MAC first, without the
	// outer VLAN tag and FCS.
	N int
	// Tagged: the frame had a VLAN tag, which is not in the buffer: its
	// EtherType is TPID and its control information TCI. A priority tag is a
	// tag with VID 0.
	Tagged    bool
	TPID, TCI uint16
	// Type is unix.PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST or
	// PACKET_OTHERHOST.
	Type uint8
}

// CutLen is how much of a frame a Cut has room for.
const CutLen = 144

// Cut is the beginning of a frame; N is no more than what of it is there.
type Cut struct {
	Received
	Data [CutLen]byte
}

// Bytes is what of the frame is there.
func (c *Cut) Bytes() []byte { return c.Data[:c.N] }

// ControlPort is the control socket of one slave: few frames, and none of
// them lost because of data. One goroutine receives; Send and the rest may be
// called by any number.
type ControlPort interface {
	// Send transmits a frame ahead of data. It never waits; unix.ENOBUFS and
	// unix.EAGAIN are worth trying again a little later.
	Send(frame []byte) error
	// Receive waits for a frame that the filter lets through and copies it to
	// buf. A frame longer than buf is dropped. The error is os.ErrClosed after
	// Close or ErrGone; both are final.
	Receive(buf []byte) (Received, error)
	// ReceiveCuts waits for a frame likewise, takes all that are there besides, and
	// cuts them to the first CutLen bytes. It returns how many it put into cuts.
	ReceiveCuts(cuts []Cut) (int, error)
	// SetFilter replaces the filter. Frames queued under the old one may
	// still be received.
	SetFilter(f Filter) error
	// JoinGroup and LeaveGroup switch the reception of a multicast address.
	// Memberships are counted, and end with Close.
	JoinGroup(mac MAC) error
	LeaveGroup(mac MAC) error
	// Close unblocks Receive.
	Close() error
}
