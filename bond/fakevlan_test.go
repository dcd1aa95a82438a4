package bond

import (
	"maps"
	"slices"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/relations"
)

// fakeVLANs is what a fakeSystem's NICs do about VLANs.
type fakeVLANs struct {
	filters map[int]bool       // which NICs filter
	passed  map[int][]link.Tag // those that they let pass
	tags    map[int]link.Tag   // of VLAN devices
}

func newFakeVLANs() fakeVLANs {
	return fakeVLANs{filters: map[int]bool{}, passed: map[int][]link.Tag{}, tags: map[int]link.Tag{}}
}

// passedBy returns the VLANs that a NIC lets pass.
func (f *fakeSystem) passedBy(index int) []link.Tag {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.vlans.passed[index]
}

// Relations has the links, and what is put on the bond.
func (f *fakeSystem) Relations() (*relations.Map, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var devices []relations.Device
	add := func(l link.Info, tags []link.Tag) {
		d := relations.Device{ID: relations.Local(l.Index), Name: l.Name, Kind: l.Kind, MAC: l.MAC, Up: l.Up}
		if l.ParentIndex != 0 {
			d.Link = relations.Local(l.ParentIndex)
		}
		if l.MasterIndex != 0 {
			d.Master = relations.Local(l.MasterIndex)
		}
		if d.Tag = f.vlans.tags[l.Index]; len(tags) > 0 {
			d.Tag = tags[len(tags)-1]
		}
		devices = append(devices, d)
	}
	for _, index := range slices.Sorted(maps.Keys(f.links)) {
		add(*f.links[index], nil)
	}
	for _, u := range f.uppers {
		add(u.Info, u.Tags)
	}
	return relations.New(devices), nil
}

// filterVLANs has NICs filter VLANs.
func (f *fakeSystem) filterVLANs(nics ...string) {
	for _, n := range nics {
		f.vlans.filters[f.index(n)] = true
	}
}

// stack puts devices on the bond.
func (f *fakeSystem) stack(uppers ...link.Upper) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uppers = append(slices.Clone(f.uppers), uppers...)
}

// PassVLANs has VLAN devices on the NICs that filter.
func (f *fakeSystem) PassVLANs(_ *relations.Map, index int, _ link.Saved, want []link.Tag) (link.VLANPass, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.vlans.filters[index] || slices.Equal(f.vlans.passed[index], want) && len(want) == 0 {
		return link.VLANPass{}, nil
	}
	if !slices.Equal(f.vlans.passed[index], want) {
		if err := f.call("vlans", index, want); err != nil {
			return link.VLANPass{By: "promiscuous mode", Promisc: true}, err
		}
		f.vlans.passed[index] = slices.Clone(want)
	}
	if len(want) == 0 {
		return link.VLANPass{}, nil
	}
	return link.VLANPass{By: "VLAN devices on it"}, nil
}
