package relations

// Claimants returns the devices that receive a device's frames before the host's
// stack does: its master, whatever kind it is, and macvlans and the like on it. A
// bond's slave has its bond among them.
func (m *Map) Claimants(id ID) []Device {
	var out []Device
	self := m.Device(id)
	for _, d := range m.Uppers(id) {
		if NatureOf(d.Kind).Claims || self != nil && d.ID == self.Master {
			out = append(out, d)
		}
	}
	return out
}

// Loop reports whether a device can't become a slave of a bond because it is the
// bond, or above it: what it sends would come back to it.
func (m *Map) Loop(slave, bond ID) bool { return slave == bond || m.IsAbove(slave, bond) }
