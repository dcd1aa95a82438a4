package bond

import (
	"slices"

	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// etherSlow is the EtherType of Slow Protocols.
const etherSlow = 0x8809

// PortNumber remembers the LACP port number of a NIC. A partner knows a port by
// its number: a NIC that is released and enslaved again keeps it.
type PortNumber struct {
	MAC    [6]byte `json:"perm_hwaddr"`
	Name   string  `json:"name"`
	Number uint16  `json:"number"`
}

// maxNumbers is how many NICs are remembered.
const maxNumbers = 256

// portNumber gives a slave its port number: the one it had, known by its own
// address and name, else by its address, else the lowest nobody had.
func (b *Bond) portNumber(s *slave) uint16 {
	l := b.lag
	taken := func(n uint16) bool {
		return slices.ContainsFunc(b.slaves, func(o *slave) bool { return o != s && o.number == n })
	}
	n := s.number // of a slave that was taken over
	for _, p := range l.numbers {
		if s.number == 0 && p.MAC == s.permMAC && !taken(p.Number) && (n == 0 || p.Name == s.name) {
			n = p.Number
		}
	}
	l.numbers = slices.DeleteFunc(l.numbers, func(p PortNumber) bool { return p.Number == n })
	for try := uint16(1); n == 0; try++ {
		if !taken(try) && !slices.ContainsFunc(l.numbers, func(p PortNumber) bool { return p.Number == try }) {
			n = try
		}
	}
	l.numbers = append(l.numbers, PortNumber{MAC: s.permMAC, Name: s.name, Number: n})
	if len(l.numbers) > maxNumbers {
		l.numbers = l.numbers[1:]
	}
	return n
}

// openSlow has a slave's control socket receive Slow Protocols frames.
func (b *Bond) openSlow(s *slave) error {
	if b.lag == nil {
		return nil
	}
	if err := s.control.SetFilter(nic.Filter{EtherTypes: []uint16{etherSlow}, Tags: true}); err != nil {
		return err
	}
	return s.control.JoinGroup(lacp.SlowProtocols)
}

// joinLACP makes a slave a port.
func (b *Bond) joinLACP(s *slave) {
	if b.lag == nil {
		return
	}
	b.configureLACP() // the first slave may have brought the bond its address
	s.number = b.portNumber(s)
	b.stepLACP(lacp.PortAdded{Port: lacp.PortID(s.id), Name: s.name, Number: s.number, Priority: s.portPrio, Memory: s.memory})
	s.memory = nil
	b.linkLACP(s)
}

// linkLACP tells LACP of a slave's link. One that waits for downdelay has not
// lost it yet: if it comes back, nothing has to be negotiated again.
func (b *Bond) linkLACP(s *slave) {
	if b.lag == nil || s.leaving {
		return
	}
	v := s.rated()
	b.stepLACP(lacp.PortLink{
		Port: lacp.PortID(s.id),
		Up:   s.link == monitor.LinkUp || s.link == monitor.LinkFail,
		Mbps: v.Mbps, HalfDuplex: v.Duplex == monitor.DuplexHalf,
	})
}

// leaveLACP has a slave's port go: at once, or without losing a frame, and then
// drained is closed when the partner has been told and has stopped sending.
func (b *Bond) leaveLACP(s *slave, drain bool) (drained <-chan struct{}) {
	if b.lag == nil {
		return nil
	}
	if !drain {
		b.stepLACP(lacp.PortRemoved{Port: lacp.PortID(s.id)})
		return nil
	}
	done := make(chan struct{})
	s.drained = done
	b.stepLACP(lacp.PortLeaving{Port: lacp.PortID(s.id)})
	return done
}

// rated is a slave's speed and duplex: what its NIC says, else what it was told
// to assume.
func (s *slave) rated() monitor.Speed {
	v := s.speed
	if v.Mbps == 0 && s.assume != 0 {
		v.Mbps = s.assume
		if v.Duplex == monitor.DuplexUnknown {
			v.Duplex = monitor.DuplexFull
		}
	}
	return v
}

// selectorFor is the transmit policy of the settings.
func (b *Bond) selectorFor() policy.Selector {
	if b.lag != nil && b.vals.BroadcastNeighbor != 0 {
		return policy.NewNeighbors()
	}
	sel, _ := policy.New(policy.Mode(b.vals.Mode)) // there is one: else the mode would have been refused
	return sel
}
