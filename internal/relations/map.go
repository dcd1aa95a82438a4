package relations

import "slices"

// Map is the devices of a host and how they depend on each other. It isn't changed
// once it is complete.
type Map struct {
	devices []Device
	at      map[ID]int
	uppers  map[ID][]ID // directly above, in the order of devices
}

// New makes a Map of devices.
func New(devices []Device) *Map {
	m := &Map{devices: devices, at: make(map[ID]int, len(devices)), uppers: make(map[ID][]ID)}
	for i := range devices {
		m.at[devices[i].ID] = i
	}
	for i := range devices {
		d := &devices[i]
		if low := d.stackedOn(); low != (ID{}) {
			m.uppers[low] = append(m.uppers[low], d.ID)
		}
		if d.Master != (ID{}) {
			m.uppers[d.ID] = append(m.uppers[d.ID], d.Master)
		}
	}
	return m
}

// Enslave adds a relation that the kernel doesn't know: slave is a slave of the bond
// whose TAP is bond, which counts as a device of kind bond from then on.
func (m *Map) Enslave(slave, bond int) {
	m.uppers[Local(slave)] = append(m.uppers[Local(slave)], Local(bond))
	if d := m.Device(Local(bond)); d != nil {
		d.Kind = "bond"
	}
}

// Device returns a device, nil if there is none of that ID.
func (m *Map) Device(id ID) *Device {
	if i, ok := m.at[id]; ok {
		return &m.devices[i]
	}
	return nil
}

// Named returns the device of that name in the namespace that the devices were
// read in.
func (m *Map) Named(name string) *Device {
	for i := range m.devices {
		if d := &m.devices[i]; d.NetNS == Here && d.Name == name {
			return d
		}
	}
	return nil
}

// Uppers returns the devices directly above one: those stacked on it or that refer
// to it, and its masters.
func (m *Map) Uppers(id ID) []Device { return m.list(m.uppers[id]) }

// Above returns all devices above one, at any depth, nearest first, each once.
func (m *Map) Above(id ID) []Device { return m.list(m.above(id)) }

// IsAbove reports whether upper is above lower, at any depth.
func (m *Map) IsAbove(upper, lower ID) bool { return slices.Contains(m.above(lower), upper) }

func (m *Map) above(id ID) []ID {
	var out []ID
	next := []ID{id}
	for len(next) > 0 {
		id, next = next[0], next[1:]
		for _, up := range m.uppers[id] {
			if !slices.Contains(out, up) {
				out = append(out, up)
				next = append(next, up)
			}
		}
	}
	return out
}

func (m *Map) list(ids []ID) []Device {
	var out []Device
	for _, id := range ids {
		if d := m.Device(id); d != nil {
			out = append(out, *d)
		}
	}
	return out
}
