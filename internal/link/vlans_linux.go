package link

import (
	"errors"
	"fmt"
	"slices"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/relations"
)

// PassVLANs implements Host.
func (l *Linux) PassVLANs(m *relations.Map, index int, saved Saved, want []Tag) (VLANPass, error) {
	self := m.Device(relations.Local(index))
	if self == nil {
		return VLANPass{}, fmt.Errorf("interface %d: %w", index, unix.ENODEV)
	}
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return VLANPass{}, fmt.Errorf("ethtool: %w", err)
	}
	defer tool.Close()
	filters := filterStates(tool, self, saved)
	p := planVLANs(filters, vlansOn(m, index), want)
	if err := switchFeatures(tool, self.Name, p.off, false); err != nil {
		for tpid, f := range filters {
			f.disabled = true
			filters[tpid] = f
		}
		p = planVLANs(filters, vlansOn(m, index), want)
	}
	errs := []error{switchFeatures(tool, self.Name, p.on, true)}
	for _, t := range p.add {
		if err := l.addVLAN(index, self.Name, t); err != nil {
			p.pass = VLANPass{By: "promiscuous mode", Promisc: true}
			errs = append(errs, fmt.Errorf("VLAN device for %s: %w", TagText(t), err))
			break
		}
	}
	for _, i := range p.remove {
		errs = append(errs, l.deleteVLAN(i))
	}
	return p.pass, errors.Join(errs...)
}

// filterStates reads how a NIC filters. One that can't be asked filters nothing.
func filterStates(tool *ethtool.Ethtool, nic *relations.Device, saved Saved) map[uint16]filterState {
	features, err := tool.FeaturesWithState(nic.Name)
	if err != nil {
		return nil
	}
	out := make(map[uint16]filterState)
	for tpid, name := range vlanFilters {
		f := features[name]
		out[tpid] = filterState{
			active: f.Active, can: f.Available && !f.NeverChanged && nic.Kind == "", wasOn: slices.Contains(saved.VLANFilters, name),
		}
	}
	return out
}

// switchable returns the VLAN filters of a NIC that are on, or off, and can be
// switched.
func switchable(name, kind string, on bool) []string {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return nil
	}
	defer tool.Close()
	var out []string
	for tpid, f := range filterStates(tool, &relations.Device{Name: name, Kind: kind}, Saved{}) {
		if f.active == on && f.can {
			out = append(out, vlanFilters[tpid])
		}
	}
	slices.Sort(out)
	return out
}

// switchFeatures fails if a feature isn't as it should be then: the kernel
// accepts a request that the driver ignores.
func switchFeatures(tool *ethtool.Ethtool, nic string, names []string, on bool) error {
	if len(names) == 0 {
		return nil
	}
	want := make(map[string]bool)
	for _, n := range names {
		want[n] = on
	}
	if err := tool.Change(nic, want); err != nil {
		return fmt.Errorf("ethtool -K %s: %w", nic, err)
	}
	now, err := tool.Features(nic)
	if err != nil {
		return fmt.Errorf("ethtool -k %s: %w", nic, err)
	}
	for _, n := range names {
		if now[n] != on {
			return fmt.Errorf("ethtool -K %s %s: %w", nic, n, unix.EOPNOTSUPP)
		}
	}
	return nil
}

// vlansOn returns the VLAN devices directly on a NIC, in any namespace.
func vlansOn(m *relations.Map, index int) []relations.Device {
	return slices.DeleteFunc(m.Uppers(relations.Local(index)), func(d relations.Device) bool { return d.Kind != "vlan" })
}

// addVLAN makes a VLAN device that only registers its id with the NIC. Loosely bound,
// it stays down when the NIC goes up.
func (l *Linux) addVLAN(index int, nic string, t Tag) error {
	loose := true
	a := netlink.NewLinkAttrs()
	a.Name, a.ParentIndex = vlanName(index, t), index
	err := l.nl.LinkAdd(&netlink.Vlan{LinkAttrs: a, VlanId: int(t.VID), VlanProtocol: netlink.VlanProtocol(t.TPID), LooseBinding: &loose})
	if errors.Is(err, unix.EEXIST) {
		return nil // made by somebody else a moment ago: the id is registered
	}
	if err != nil {
		return err
	}
	x, err := l.nl.LinkByName(a.Name)
	if err != nil {
		return notFound(a.Name, err)
	}
	alias := VLANAlias + "VLAN " + TagText(t) + " of the bond passes the filter of " + nic
	if err := l.nl.LinkSetAlias(x, alias); err != nil {
		return errors.Join(fmt.Errorf("alias: %w", err), l.nl.LinkDel(x))
	}
	_ = l.PrepareSlave(x.Attrs().Index) // it is never up; if somebody sets it up it is still mute
	return nil
}

func (l *Linux) deleteVLAN(index int) error {
	err := l.nl.LinkDel(ref(index))
	if err == nil || errors.Is(err, unix.ENODEV) {
		return nil // gone with its NIC, perhaps
	}
	return fmt.Errorf("delete VLAN device %d: %w", index, err)
}

// restoreVLANs undoes what PassVLANs did to a NIC.
func (l *Linux) restoreVLANs(i Info, s Saved) error {
	all, err := l.links()
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	var errs []error
	for _, x := range all {
		if d := device(x, relations.Here, -1); d.Link == relations.Local(i.Index) && ownVLAN(&d) {
			errs = append(errs, l.deleteVLAN(d.Index))
		}
	}
	if len(s.VLANFilters) > 0 {
		tool, err := ethtool.NewEthtool()
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		defer tool.Close()
		errs = append(errs, switchFeatures(tool, i.Name, s.VLANFilters, true))
	}
	return errors.Join(errs...)
}
