package bond

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/policy"
)

// rxWorker owns one slave's frames on their way to the host: read, apply the
// receive rules, write to the TAP.
type rxWorker struct {
	slot   int
	port   vnet.Reader
	tap    vnet.Writer
	snap   *atomic.Pointer[snapshot]
	reader *reader
	count  traffic // delivered to the host
	seen   counter // frames read, delivered or not: the ARP monitor's and poller's view
	group  counter // broadcasts and multicasts of these, while the bond is up
	drops  drops

	slow  *slowInbox // for Markers: they must not overtake the data before them
	frame policy.Frame
	notes noteRing // balance-alb
	began time.Time
	arp   arpMeter // balance-tlb and -alb

	out []vnet.Packet
	seg *vnet.Segmenter
}

func newRxWorker(slot int, port vnet.Reader, tap vnet.Writer, snap *atomic.Pointer[snapshot]) *rxWorker {
	return &rxWorker{slot: slot, port: port, tap: tap, snap: snap, reader: newReader(), seg: vnet.NewSegmenter(), began: time.Now()}
}

// run carries frames until the port is closed or gone.
func (w *rxWorker) run() error {
	for n := 1; ; n++ {
		pkts, err := w.port.ReadBatch()
		if err != nil {
			return err
		}
		s := w.reader.enter(w.snap)
		w.deliver(s, pkts)
		w.reader.leave()
		if n%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

func (w *rxWorker) deliver(s *snapshot, pkts []vnet.Packet) {
	w.seen.add(uint64(len(pkts)))
	if !s.up {
		w.drops.n[policy.RxBondDown].add(uint64(len(pkts)))
		return
	}
	rule := rxGone
	if w.slot < len(s.rx) {
		rule = s.rx[w.slot]
	}
	w.out = w.out[:0]
	w.seg.Reset()
	if s.copies != nil && w.slot < len(s.sides) && s.sides[w.slot] >= 0 {
		w.deliverOnce(s, rule, pkts)
		return
	}
	group := uint64(0)
	for i := range pkts {
		p := &pkts[i]
		if b := p.Frame(); len(b) > 0 && b[0]&1 != 0 {
			group++
		}
		if why := receive(s, rule, p.Frame()); why != policy.None {
			w.drops.n[why].add(1)
			if why == policy.RxSlowProto {
				w.takeMarker(p.Frame())
			}
			continue
		}
		if s.balance != nil {
			if why := w.settle(s, rule, p.Frame()); why != policy.None {
				w.drops.n[why].add(1)
				continue
			}
		}
		// What the TAP can't be told is completed in software: everything in
		// plain mode, else the super-frames of tunnels.
		var err error
		if s.offload {
			w.out, err = w.seg.Repair(w.out, p)
		} else {
			w.out, err = w.seg.Plain(w.out, p)
		}
		if err != nil {
			w.drops.n[policy.RxMalformed].add(1)
		}
	}
	w.group.add(group)
	w.write(w.out)
}

// takeMarker hands a Marker on when all that came before it is written.
func (w *rxWorker) takeMarker(frame []byte) {
	if !lacp.IsMarker(frame) {
		return
	}
	w.write(w.out)
	w.out = w.out[:0]
	w.slow.marker(frame, time.Now())
}

func (w *rxWorker) write(pkts []vnet.Packet) {
	if len(pkts) == 0 {
		return
	}
	sent := w.tap.WriteBatch(pkts)
	w.count.frames.add(uint64(sent.OK))
	w.count.octets.add(uint64(sent.Octets))
	if sent.OK == len(pkts) {
		return
	}
	n := &w.drops.n
	n[policy.RxTapFull].add(uint64(sent.Full))
	n[policy.RxTapDown].add(uint64(sent.Down))
	n[policy.RxTapFailed].add(uint64(sent.TooBig + sent.Invalid + sent.Failed))
}

const ethHeader = 14

// receive applies the rules of the kernel's receive handler (inactive slaves,
// link-local frames) and ours (own frames that come back). It returns None for
// a frame that belongs to the host.
func receive(s *snapshot, rule rxRule, b []byte) policy.Reason {
	if len(b) < ethHeader {
		return policy.RxRunt
	}
	if s.takeSlow && lacp.IsSlow(b) {
		return policy.RxSlowProto
	}
	switch rule {
	case rxActive:
	case rxUnicast:
		if b[0]&1 == 0 {
			break
		}
		if linkLocal(b) {
			return policy.RxLinkLocal
		}
		return policy.RxInactive
	case rxDrain:
		if b[0]&1 != 0 {
			return policy.RxInactive
		}
	default:
		if linkLocal(b) {
			return policy.RxLinkLocal
		}
		return policy.RxInactive
	}
	if src := [6]byte(b[6:12]); src == s.mac || s.balance != nil && s.balance.isOurs(src) {
		return policy.RxOwnSource
	}
	return policy.None
}

// linkLocal: 01:80:c2:00:00:0X, never forwarded by a bridge.
func linkLocal(b []byte) bool {
	return b[0] == 0x01 && b[1] == 0x80 && b[2] == 0xc2 && b[3] == 0 && b[4] == 0 && b[5]&0xf0 == 0
}
