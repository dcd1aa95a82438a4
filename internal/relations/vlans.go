package relations

import (
	"cmp"
	"slices"
)

// VLANs returns the outermost tags with which frames may arrive at a device for what
// is stacked on it, in order: those of VLAN devices on it and on the macvlans, bridges
// and bonds above it, and the VLANs of its port if it is in a VLAN-aware bridge.
// Devices that are down count, too.
func (m *Map) VLANs(id ID) []Tag {
	out := m.vlans([]ID{id})
	slices.SortFunc(out, func(a, b Tag) int {
		return cmp.Or(cmp.Compare(a.TPID, b.TPID), cmp.Compare(a.VID, b.VID))
	})
	return slices.Compact(out)
}

func (m *Map) vlans(way []ID) []Tag {
	var out []Tag
	below := m.Device(way[len(way)-1])
	for _, id := range m.uppers[way[len(way)-1]] {
		d := m.Device(id)
		switch {
		case d == nil, slices.Contains(way, id), len(way) > maxDepth:
		case d.Kind == "vlan":
			out = append(out, d.Tag) // what is above it is behind this tag
		case d.Filtering != nil && below != nil:
			for _, v := range below.VLANs {
				out = append(out, Tag{TPID: d.Filtering.TPID, VID: v.VID})
			}
		case NatureOf(d.Kind).Passes:
			out = append(out, m.vlans(append(slices.Clone(way), id))...)
		}
	}
	return out
}
