package link

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/relations"
)

// Uppers implements Host.
func (l *Linux) Uppers(index int) ([]Upper, error) {
	views, err := l.views.Whole(l.view)
	if err != nil {
		return nil, err
	}
	var out []Upper
	for _, u := range views[0].devices.Speakers(relations.Local(index)) {
		out = append(out, Upper{Info: views[0].infos[u.Index], Tags: u.Tags})
	}
	return out, nil
}

// view is this namespace's links at one moment. Nobody changes it.
type view struct {
	infos   map[int]Info
	devices *relations.Map
}

// view returns one view; a list, as all that is shared.
func (l *Linux) view() ([]view, error) {
	all, err := l.links()
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	devices, err := l.devices(all)
	if err != nil {
		return nil, err
	}
	v := view{infos: make(map[int]Info, len(all)), devices: relations.New(devices)}
	for _, x := range all {
		v.infos[x.Attrs().Index] = info(x)
	}
	return []view{v}, nil
}

// Relations implements Host.
func (l *Linux) Relations() (*relations.Map, error) {
	devices, err := l.related.Whole(func() ([]relations.Device, error) {
		all, err := l.links()
		if err != nil {
			return nil, fmt.Errorf("links: %w", err)
		}
		devices, err := l.devices(all)
		return append(devices, l.foreign()...), err
	})
	if err != nil {
		return nil, err
	}
	return relations.New(slices.Clone(devices)), nil
}

// devices makes the devices of this namespace.
func (l *Linux) devices(all []netlink.Link) ([]relations.Device, error) {
	out := make([]relations.Device, 0, len(all))
	filtering := false
	for _, x := range all {
		d := device(x, relations.Here, -1)
		if d.Filtering != nil {
			filtering = true
			var err error
			if d.Filtering.TPID, err = bridgeTPID(d.Index); err != nil {
				return nil, err
			}
		}
		out = append(out, d)
	}
	if !filtering {
		return out, nil
	}
	vlans, err := l.bridgeVLANs()
	if err != nil {
		return nil, err
	}
	for i := range out {
		for _, v := range vlans[int32(out[i].Index)] {
			out[i].VLANs = append(out[i].VLANs, relations.VLAN{
				VID: v.Vid, PVID: v.Flags&nl.BRIDGE_VLAN_INFO_PVID != 0, Untagged: v.Flags&nl.BRIDGE_VLAN_INFO_UNTAGGED != 0,
			})
		}
	}
	return out, nil
}

// bridgeVLANs lists the VLANs of ports and bridges by index.
func (l *Linux) bridgeVLANs() (out map[int32][]*nl.BridgeVlanInfo, err error) {
	_, err = dump.Whole(func() ([]struct{}, error) {
		out, err = l.nl.BridgeVlanList()
		return nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("bridge VLANs: %w", err)
	}
	return out, nil
}

// device makes the device of a link in a namespace; self is the number by which
// this namespace knows itself, -1 for none.
func device(x netlink.Link, in relations.NetNS, self int) relations.Device {
	a := x.Attrs()
	i := info(x)
	d := relations.Device{
		ID: relations.ID{NetNS: in, Index: a.Index}, Name: i.Name, Alias: a.Alias, Kind: i.Kind, MAC: i.MAC, Up: i.Up, NoARP: i.NoARP,
	}
	if a.MasterIndex != 0 {
		d.Master = relations.ID{NetNS: in, Index: a.MasterIndex}
	}
	on := in
	switch {
	case a.NetNsID < 0:
	case a.NetNsID == self:
		on = relations.Here
	default:
		on = relations.Other(a.NetNsID)
	}
	if a.ParentIndex != 0 {
		d.Link = relations.ID{NetNS: on, Index: a.ParentIndex}
	}
	switch x := x.(type) {
	case *netlink.Vlan:
		d.Tag = Tag{TPID: uint16(x.VlanProtocol), VID: uint16(x.VlanId)}
		if d.Tag.TPID == 0 {
			d.Tag.TPID = relations.CTag
		}
	case *netlink.Vxlan:
		if x.VtepDevIndex != 0 && a.ParentIndex == 0 {
			d.Link = relations.ID{NetNS: on, Index: x.VtepDevIndex}
		}
	case *netlink.Bridge:
		if x.VlanFiltering != nil && *x.VlanFiltering {
			d.Filtering = &relations.Filtering{TPID: relations.CTag}
		}
	}
	return d
}

// bridgeTPID reads the EtherType of a VLAN-aware bridge's tags, which the library
// leaves out.
func bridgeTPID(index int) (uint16, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil || len(msgs) == 0 {
		return 0, fmt.Errorf("bridge %d: %w", index, err)
	}
	path := []uint16{unix.IFLA_LINKINFO, nl.IFLA_INFO_DATA, nl.IFLA_BR_VLAN_PROTOCOL}
	if b := nested(msgs[0][unix.SizeofIfInfomsg:], path); len(b) == 2 {
		return binary.BigEndian.Uint16(b), nil
	}
	return relations.CTag, nil
}

// nested returns the value of an attribute inside others, nil if it isn't there.
func nested(b []byte, path []uint16) []byte {
	for _, want := range path {
		attrs, err := nl.ParseRouteAttr(b)
		if err != nil {
			return nil
		}
		b = nil
		for _, a := range attrs {
			if a.Attr.Type&nl.NLA_TYPE_MASK == want {
				b = a.Value
			}
		}
	}
	return b
}
