package link

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/relations"
)

// A NIC with a VLAN filter drops frames of VLANs that nobody registered with it. The
// kernel registers the VLAN devices that are on the NIC itself; those on a bond's TAP
// it knows nothing of. So they are made to pass by the mildest means that works:
//
//  1. the filter is switched off, where the driver lets it be switched;
//  2. a VLAN device on the NIC registers the id. It stays down, receives nothing
//     (isolation drops tagged frames before it) and carries an alias of ours;
//  3. promiscuous mode, where neither can be had or there are very many ids.
//
// Devices of software (bond, team, macvlan) have a filter to hand ids on to the device
// below, which switching it off would end: they get VLAN devices.

// vlanFilters are the features by which drivers filter, by the tag's EtherType.
var vlanFilters = map[uint16]string{relations.CTag: "rx-vlan-filter", relations.STag: "rx-vlan-stag-filter"}

// maxVLANDevices on one NIC: a trunk of a VLAN-aware bridge has thousands of ids.
const maxVLANDevices = 64

// VLANAlias begins the alias of the VLAN devices that are ours.
const VLANAlias = "tapbond: "

// VLANPass is how a NIC lets VLANs pass.
type VLANPass struct {
	// By says it in words; empty if the NIC filters nothing that is wanted.
	By string
	// Promisc: the caller has to make the NIC promiscuous.
	Promisc bool
}

// filterState is how a NIC filters one kind of tag.
type filterState struct {
	active   bool
	can      bool // be switched
	wasOn    bool // when the NIC became a slave, and can be switched
	disabled bool // switching it off failed
}

// vlanPlan is what is to be done to a NIC for some VLANs to pass.
type vlanPlan struct {
	off, on []string // features
	add     []Tag    // VLAN devices
	remove  []int    // likewise, by index
	pass    VLANPass
}

// planVLANs plans for a NIC with these filters and VLAN devices. Deleted devices and
// features switched on undo what an earlier plan did and is no longer wanted.
func planVLANs(filters map[uint16]filterState, devices []relations.Device, want []Tag) vlanPlan {
	var p vlanPlan
	var by []string
	keep := map[Tag]bool{}
	for _, tpid := range []uint16{relations.CTag, relations.STag} {
		f := filters[tpid]
		ids := slices.DeleteFunc(slices.Clone(want), func(t Tag) bool { return t.TPID != tpid })
		switch {
		case len(ids) == 0:
			if f.wasOn && !f.active {
				p.on = append(p.on, vlanFilters[tpid])
			}
		case !f.active:
			if f.wasOn {
				by = append(by, vlanFilters[tpid]+" off")
			}
		case f.can && !f.disabled:
			p.off = append(p.off, vlanFilters[tpid])
			by = append(by, vlanFilters[tpid]+" off")
		case len(ids) > maxVLANDevices:
			p.pass.Promisc = true
		default:
			for _, t := range ids {
				keep[t] = true
			}
			by = append(by, "VLAN devices on it")
		}
	}
	for _, d := range devices {
		switch {
		case keep[d.Tag]:
			delete(keep, d.Tag) // it is there already, whoever made it
		case ownVLAN(&d):
			p.remove = append(p.remove, d.Index)
		}
	}
	for _, t := range want {
		if keep[t] {
			p.add = append(p.add, t)
		}
	}
	if p.pass.Promisc {
		by = append(by, "promiscuous mode")
	}
	p.pass.By = strings.Join(slices.Compact(by), ", ")
	return p
}

// ownVLAN reports whether a device is a VLAN device of ours on a NIC. It has its name
// from the first moment on, the alias a little later.
func ownVLAN(d *relations.Device) bool {
	return d.Kind == "vlan" && (strings.HasPrefix(d.Alias, VLANAlias) || d.Name == vlanName(d.Link.Index, d.Tag))
}

// maxDecimal: an index from there on is written in hex, or names get too long.
const maxDecimal = 1e8

// vlanName is the name of a VLAN device of ours on a NIC, of 15 bytes at most. The
// NIC's own name may be as long as that.
func vlanName(index int, t Tag) string {
	nic, kind := fmt.Sprint(index), "."
	if index >= maxDecimal {
		nic = fmt.Sprintf("%x", index)
	}
	if t.TPID == relations.STag {
		kind = "s"
	}
	return fmt.Sprintf("tb%s%s%d", nic, kind, t.VID)
}

// TagText is a tag in words: its id, and its EtherType where it isn't 802.1Q's.
func TagText(t Tag) string {
	if t.TPID == relations.CTag {
		return fmt.Sprint(t.VID)
	}
	if t.TPID == relations.STag {
		return fmt.Sprintf("%d (802.1ad)", t.VID)
	}
	return fmt.Sprintf("%d (%#x)", t.VID, t.TPID)
}
