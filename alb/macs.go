package alb

import "slices"

// Addr is a slave's addresses.
type Addr struct {
	ID   int
	Perm [6]byte // its own, when it was enslaved
	Now  [6]byte // the one it has
}

// Macs says which address each slave of a bond has: no two the same, and the
// bond's with the active slave. It is not safe for concurrent use.
type Macs struct {
	bond [6]byte
	list []Addr
}

// Clash says that there is no address for a slave: its own is in use, and so
// are all the others.
type Clash struct{ MAC [6]byte }

func (*Clash) Error() string { return "no free hardware address" }

// NewMacs returns the addresses of a bond without slaves.
func NewMacs(bond [6]byte) *Macs { return &Macs{bond: bond} }

// Free returns the address that a newcomer gets: its own, unless that is the
// bond's or another slave's; then one that is a slave's own and that nobody has
// now. The first slave has its own in any case. The error is a *Clash.
func (m *Macs) Free(perm [6]byte) (mac [6]byte, err error) {
	if len(m.list) == 0 || perm != m.bond && !m.Taken(perm) {
		return perm, nil
	}
	for _, a := range m.list {
		if a.Perm != m.bond && !m.Taken(a.Perm) {
			return a.Perm, nil
		}
	}
	return mac, &Clash{MAC: perm}
}

// Taken reports whether a slave has this address.
func (m *Macs) Taken(mac [6]byte) bool {
	return slices.ContainsFunc(m.list, func(a Addr) bool { return a.Now == mac })
}

// Add has a slave join with the address that Free returned, or the one it had
// when it was taken over.
func (m *Macs) Add(a Addr) { m.list = append(m.list, a) }

// Remove has a slave leave. If the address that is its own is another slave's
// now, that one gets the leaver's in exchange, unless it is the bond's: the NIC
// is about to take its own back.
func (m *Macs) Remove(id int) {
	i := m.index(id)
	if i < 0 {
		return
	}
	gone := m.list[i]
	m.list = slices.Delete(m.list, i, i+1)
	if gone.Perm == gone.Now || gone.Perm == m.bond {
		return
	}
	for j := range m.list {
		if m.list[j].Now == gone.Perm {
			m.list[j].Now = gone.Now
		}
	}
}

// SetBond takes an address that somebody gave the bond; active is the slave
// that has it from now on, -1 for none.
func (m *Macs) SetBond(mac [6]byte, active int) {
	m.bond = mac
	m.Activate(active)
}

// Activate gives the active slave the bond's address, in exchange for its own
// if another slave has that.
func (m *Macs) Activate(active int) {
	i := m.index(active)
	if i < 0 || m.list[i].Now == m.bond {
		return
	}
	for j := range m.list {
		if m.list[j].Now == m.bond {
			m.list[j].Now = m.list[i].Now
		}
	}
	m.list[i].Now = m.bond
}

// Of returns the address a slave has, zero for one that is not there.
func (m *Macs) Of(id int) [6]byte {
	if i := m.index(id); i >= 0 {
		return m.list[i].Now
	}
	return [6]byte{}
}

// All returns the bond's address and those of the slaves: what is ours.
func (m *Macs) All() [][6]byte {
	out := [][6]byte{m.bond}
	for _, a := range m.list {
		if !slices.Contains(out, a.Now) {
			out = append(out, a.Now)
		}
	}
	return out
}

func (m *Macs) index(id int) int {
	return slices.IndexFunc(m.list, func(a Addr) bool { return a.ID == id })
}
