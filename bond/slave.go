package bond

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// slave is one NIC of the bond. The control goroutine owns it, except where a
// field says otherwise.
type slave struct {
	id    int // never reused over the bond's life; the link monitor's name for it
	slot  int // reused once nothing refers to it; the snapshot's name for it
	index int
	name  string

	saved    link.Saved // how the NIC was found; fixed
	identity *Identity  // likewise
	managers []string   // that were told to leave it alone
	addrs    []string   // IP addresses on it, where none belongs
	addrLook bool       // these are to be read again

	master     int      // the kernel's master of it, as events have it
	claimed    string   // who else uses it
	bypassed   []string // firewall rules that its frames go around
	ruled      bool     // these were looked for; whoever holds the bond's lock owns it
	configured bool     // it is a slave by configuration; fixed

	permMAC [6]byte // address at enslave time (kernel: perm_hwaddr); fixed
	mac     [6]byte // address it has, or is about to be given
	mtu     int

	// The NIC's sockets and filter; fixed, closed after the slave has left.
	port     nic.Port
	control  nic.ControlPort
	shield   *isolation
	prompt   bool                       // the kernel tells of a lost carrier at once
	seat     Seat                       // in the express lane; nil if it has none
	writers  []vnet.Writer              // one per transmit worker
	tx       []*traffic                 // likewise
	carried  atomic.Pointer[[]*traffic] // tx, for other goroutines
	rx       *rxWorker
	oldMAC   [6]byte       // that it had before, in balance-tlb and -alb,
	oldUntil time.Time     // and until when frames to it are still taken
	relayed  traffic       // host's frames that the control goroutine has sent
	rxDone   chan struct{} // closed when rx has ended

	slow    *slowInbox // Slow Protocols frames that it received
	lacpdus counter    // that the control socket received: the link is in use

	// The port's part in LACP.
	number       uint16 // the port's
	portPrio     uint16 // actor_port_prio
	collecting   bool
	distributing bool
	drained      chan struct{}    // closed when a leaving port may be closed
	memory       *lacp.PortMemory // of another process

	vlans   vlanState // of its NIC; whoever holds the bond's lock owns it
	passes  vlanState // the same, for the control goroutine
	sampled uint64    // of seen(), when the ARP monitor last looked
	grouped uint64    // of rx.group, likewise
	groups  []nic.MAC // that control is in; whoever holds the bond's lock owns it

	carrier  bool      // admin up and carrier, as last seen
	cameAt   time.Time // when that was last seen to come
	upSeq    int       // counts carrier changes, to tell a late answer from a current one
	upSeen   int       // the upSeq that the link monitor knows of
	link     monitor.Link
	speed    monitor.Speed // what the NIC says
	assume   uint32        // Mb/s, if it says nothing
	prio     int32
	queueID  uint16
	failures uint32
	outages  []Outage // the latest, oldest first
	flaps    flaps

	looped  bool      // stacked on the bond: carries nothing
	fresh   bool      // being added: the link monitor has not looked at it again
	leaving bool      // being released: receives for a last moment, transmits nothing
	drain   time.Time // until when frames under way are still taken after losing the active role

	since  time.Time // of the last link change
	why    string    // its reason
	mended int       // times its MAC or MTU was put back in the current window
	mendAt time.Time
}

// hwAddr is the NIC's own permanent address, zero if it has none or it isn't known.
func (s *slave) hwAddr() [6]byte {
	if s.identity == nil {
		return [6]byte{}
	}
	return s.identity.HWAddr
}

// busyFrames is a number that grows whenever the slave carries a frame; the
// carrier poller reads it to tell busy slaves from idle ones.
func (s *slave) busyFrames() uint64 {
	n := s.rx.seen.value() + s.lacpdus.value()
	if s.seat != nil {
		n += s.seat.Frames()
	}
	if list := s.carried.Load(); list != nil {
		for _, t := range *list {
			n += t.frames.value()
		}
	}
	return n
}

// seen is the number of frames that arrived, delivered or not.
func (s *slave) seen() uint64 {
	n := s.rx.seen.value()
	if s.seat != nil {
		n += s.seat.Counters().Seen()
	}
	return n
}

// addWriter gives the slave a part of one more transmit worker.
func (s *slave) addWriter() {
	s.writers = append(s.writers, s.port.Writer())
	s.tx = append(s.tx, new(traffic))
	list := slices.Clone(s.tx)
	s.carried.Store(&list)
}

// Traffic is what crossed a slave or a bond. A super-frame counts as one frame.
type Traffic struct {
	TxFrames uint64 `json:"tx_frames"`
	TxOctets uint64 `json:"tx_octets"`
	RxFrames uint64 `json:"rx_frames"` // delivered to the host
	RxOctets uint64 `json:"rx_octets"`
}

func (t *Traffic) add(o Traffic) {
	t.TxFrames += o.TxFrames
	t.TxOctets += o.TxOctets
	t.RxFrames += o.RxFrames
	t.RxOctets += o.RxOctets
}

// traffic sums what all workers moved for the slave.
func (s *slave) traffic() Traffic {
	t := Traffic{
		TxFrames: s.relayed.frames.value(), TxOctets: s.relayed.octets.value(),
		RxFrames: s.rx.count.frames.value(), RxOctets: s.rx.count.octets.value(),
	}
	for _, w := range s.tx {
		t.TxFrames += w.frames.value()
		t.TxOctets += w.octets.value()
	}
	t.add(s.laneTraffic())
	return t
}

// usable: the device could carry frames.
func (s *slave) usable() bool { return s.carrier && !s.leaving }

// canTx is the kernel's bond_slave_can_tx with the device's part in carrier.
// The usable set of balance-xor is only rebuilt when a link goes DOWN or UP for
// good, so there a slave in FAIL keeps its flows: that is what downdelay is for.
func (s *slave) canTx(mode policy.Mode) bool {
	if s.leaving || s.looped {
		return false
	}
	if mode == policy.BalanceXOR && s.link == monitor.LinkFail {
		return true
	}
	if mode == policy.LACP && !s.distributing {
		return false
	}
	return s.carrier && s.link == monitor.LinkUp
}
