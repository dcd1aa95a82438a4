package bond

import "github.com/tapbond/tapbond/internal/link"

// Brief is which interfaces belong to a bond, for those who ask often and want
// nothing else. Its JSON is that of a State with fewer members.
type Brief struct {
	Name   string       `json:"name"`
	Index  int          `json:"ifindex"`
	MAC    string       `json:"address"`
	Slaves []BriefSlave `json:"slaves"`
}

// BriefSlave is a slave in a Brief.
type BriefSlave struct {
	Name    string `json:"name"`
	Index   int    `json:"ifindex"`
	PermMAC string `json:"perm_hwaddr"`
}

// Brief returns which interfaces belong to the bond.
func (b *Bond) Brief() (Brief, error) {
	out := Brief{Slaves: []BriefSlave{}}
	err := b.call(func() {
		out.Name, out.Index, out.MAC = b.name, b.index, link.MACString(b.mac)
		for _, s := range b.members() {
			out.Slaves = append(out.Slaves, BriefSlave{Name: s.name, Index: s.index, PermMAC: link.MACString(s.permMAC)})
		}
	})
	return out, err
}
