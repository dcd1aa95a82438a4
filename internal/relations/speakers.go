package relations

import "slices"

// Upper is a device above another one, as that one's frames have it.
type Upper struct {
	Device
	// Tags are added to what the device sends by the time that it leaves the lower
	// one, outermost first.
	Tags []Tag
}

// maxDepth is how high devices are stacked, the kernel's own limit.
const maxDepth = 8

// Speakers returns the devices above one that send through it with an Ethernet
// header of their own, nearest first: VLAN devices, macvlans, ipvlans that speak ARP,
// bridges, and these on each other. Devices that are down send nothing, nor does what
// is above them; behind a VLAN-aware bridge only what its VLANs let through does.
func (m *Map) Speakers(id ID) []Upper { return m.speakers([]ID{id}) }

// speakers goes on from the last device of a way.
func (m *Map) speakers(way []ID) []Upper {
	if len(way) > maxDepth {
		return nil
	}
	var out []Upper
	for _, id := range m.uppers[way[len(way)-1]] {
		d := m.Device(id)
		if d == nil || !d.Up || !NatureOf(d.Kind).Speaks || slices.Contains(way, id) {
			continue
		}
		on := append(slices.Clone(way), id)
		if tags, ok := m.tags(on); ok && !d.NoARP {
			out = append(out, Upper{Device: *d, Tags: tags})
		}
		out = append(out, m.speakers(on)...)
	}
	return out
}

// tags returns what a frame of the last device of a way has got by the time that it
// leaves the first one; false if a bridge on the way drops it.
func (m *Map) tags(way []ID) ([]Tag, bool) {
	var tags []Tag
	for i := len(way) - 1; i > 0; i-- {
		d, below := m.Device(way[i]), m.Device(way[i-1])
		switch {
		case d.Kind == "vlan":
			tags = append([]Tag{d.Tag}, tags...)
		case d.Filtering != nil && below != nil:
			var ok bool
			if tags, ok = d.forward(below, tags); !ok {
				return nil, false
			}
		}
	}
	return tags, true
}

// forward returns the tags of a frame that a VLAN-aware bridge's own device sends,
// as it leaves by a port; false if it doesn't.
func (d *Device) forward(port *Device, tags []Tag) ([]Tag, bool) {
	vid, rest := pvid(d.VLANs), tags
	if len(tags) > 0 && tags[0].TPID == d.Filtering.TPID {
		rest = tags[1:]
		if tags[0].VID != 0 { // else a priority tag, which names no VLAN
			vid = tags[0].VID
		}
	}
	if _, ok := find(d.VLANs, vid); !ok {
		return nil, false
	}
	v, ok := find(port.VLANs, vid)
	if !ok {
		return nil, false
	}
	if v.Untagged {
		return rest, true
	}
	return append([]Tag{{TPID: d.Filtering.TPID, VID: vid}}, rest...), true
}

// pvid returns the VLAN of frames without a tag, 0 for none.
func pvid(list []VLAN) uint16 {
	for _, v := range list {
		if v.PVID {
			return v.VID
		}
	}
	return 0
}

func find(list []VLAN, vid uint16) (VLAN, bool) {
	i := slices.IndexFunc(list, func(v VLAN) bool { return v.VID == vid })
	if i < 0 {
		return VLAN{}, false
	}
	return list[i], true
}
