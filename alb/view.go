package alb

import "github.com/tapbond/tapbond/policy"

// The table of clients is a number of sets, chosen by the peer's address, of a
// few places each: what a peer can push out is no more than its own set.
const (
	sets = 256
	ways = 4
	// MaxClients is how many clients can be remembered.
	MaxClients = sets * ways
)

// View is what the workers know of receive balancing: immutable.
type View struct {
	bond [6]byte
	ours [][6]byte // the bond's and the slaves' addresses
	own  []IP      // what the host answers for
	nd   bool      // IPv6 too
	sets [sets]*[ways]entry
}

type entry struct {
	ours, peer IP
	vid        uint16
	slave      int16 // ID, -1 for none
	used       bool
	known      bool // mac is the client's
	mac        [6]byte
}

var noSet [ways]entry

// Verdict is what there is to do with a frame of address resolution.
type Verdict uint8

// Verdicts.
const (
	// Leave: not ours to touch, or not address resolution. From the host: the
	// active slave takes it as it is.
	Leave Verdict = iota
	// Take: the client's slave is known.
	Take
	// Ask: control has to choose a slave; it takes the frame over.
	Ask
	// Note: control wants to know what it says.
	Note
)

// Outgoing judges a frame from the host. Only one by which the host speaks for
// an address of its own, with the bond's hardware address, is ours to touch:
// no foreign one's, of a bridge's guests, and no probe or announcement. slave is
// the ID of the client's, -1 if none can be used, valid iff the verdict is
// Take.
func (v *View) Outgoing(f *policy.Frame, x *Exchange) (to Verdict, slave int) {
	if !parse(f, v.nd, x) || x.SenderMAC != v.bond || !v.owns(&x.Sender) {
		return Leave, 0
	}
	if e := v.find(&x.Sender, &x.Target, x.VID); e != nil {
		return Take, int(e.slave)
	}
	return Ask, 0
}

// Standing says how close somebody who speaks in ARP is to the host.
type Standing uint8

// Standings.
const (
	Stranger Standing = iota // wants nothing of the host
	Caller                   // speaks to an address of the host's
	Client                   // likewise, and is in the table as what it says it is
)

// Incoming judges a frame that arrived on a slave: Note for an answer by which
// a client's address becomes known, and for one that claims an address of ours.
func (v *View) Incoming(f *policy.Frame, x *Exchange) (Verdict, Standing) {
	if !parse(f, v.nd, x) || v.mine(&x.SenderMAC) {
		return Leave, Stranger
	}
	if v.owns(&x.Sender) {
		return Note, Stranger
	}
	if !v.owns(&x.Target) {
		return Leave, Stranger
	}
	e := v.find(&x.Target, &x.Sender, x.VID)
	switch {
	case e == nil:
		return Leave, Caller
	case e.known && e.mac == x.SenderMAC:
		return Leave, Client
	case !x.Reply:
		return Leave, Caller
	case e.known:
		return Note, Caller
	}
	return Note, Client // it was asked
}

// Rewrite has the frame tell mac instead of the bond's address, where that is
// for one host. What all hear must say the bond's: it is every client's way to
// us until it is told its own.
func (x *Exchange) Rewrite(f *policy.Frame, mac [6]byte) {
	if !x.ToAll {
		setSender(f, mac)
	}
}

// Mine reports whether mac is the bond's or a slave's.
func (v *View) mine(mac *[6]byte) bool {
	for i := range v.ours {
		if v.ours[i] == *mac {
			return true
		}
	}
	return false
}

func (v *View) owns(ip *IP) bool {
	for i := range v.own {
		if v.own[i] == *ip {
			return true
		}
	}
	return false
}

func (v *View) find(ours, peer *IP, vid uint16) *entry {
	set := v.sets[bucket(peer)]
	for i := range set {
		e := &set[i]
		if e.used && e.peer == *peer && e.vid == vid && e.ours == *ours {
			return e
		}
	}
	return nil
}

// bucket is the kernel's hash of a peer: the octets of its address, xor.
func bucket(ip *IP) (x uint8) {
	for _, o := range ip {
		x ^= o
	}
	return x
}

// Concerns reports whether a frame may be one of address resolution: a cheap
// question in front of the others.
func (v *View) Concerns(f *policy.Frame) bool {
	return f.IsARP() || v.nd && f.EtherType == etherIPv6
}
