package bond

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/relations"
)

// The driver registers the VLANs of devices stacked on the bond with its slaves; a TAP
// has nobody to tell. So what is stacked on the TAP is followed, and each slave's NIC
// is made to let those VLANs pass (link.Host.PassVLANs).

// followRelations takes what is stacked on the bond as it is now: which devices an
// event is about the bond for, and the VLANs that its slaves must receive. The caller
// holds the bond's lock.
func (b *Bond) followRelations(slaves []*slave) {
	m, err := b.engine.relations()
	if err != nil {
		b.box.post(func() { b.warn(nil, "relations", "devices stacked on the bond: "+err.Error()) })
		return
	}
	b.noteAbove(m)
	want := b.vlans(m)
	for _, s := range slaves {
		b.breakLoop(m, s)
		b.noteClaimants(m, s)
		b.passVLANs(m, s, want)
	}
}

// noteAbove remembers the devices of this namespace above the bond.
func (b *Bond) noteAbove(m *relations.Map) {
	above := map[int]bool{}
	for _, d := range m.Above(relations.Local(b.index)) {
		if d.NetNS == relations.Here {
			above[d.Index] = true
		}
	}
	b.above.Store(&above)
}

// concerns reports whether news of a device may change what is stacked on the bond:
// it is above the bond, was, or is on a device that is.
func (b *Bond) concerns(index, parent, master int) bool {
	above := *b.above.Load()
	return parent == b.index || master == b.index || above[index] || above[parent] || above[master]
}

// vlans returns the outermost tags that frames for the bond may arrive with: of what
// is stacked on it, and of probe targets behind VLANs that the options name.
func (b *Bond) vlans(m *relations.Map) []link.Tag {
	out := m.VLANs(relations.Local(b.index))
	_ = b.call(func() {
		if !b.wantsProbing() {
			return
		}
		for _, t := range b.probeTargets() {
			if len(t.VLANs) > 0 {
				out = append(out, link.Tag{TPID: relations.CTag, VID: t.VLANs[0]})
			}
		}
	})
	slices.SortFunc(out, func(a, b link.Tag) int { return cmp.Or(cmp.Compare(a.TPID, b.TPID), cmp.Compare(a.VID, b.VID)) })
	return slices.Compact(out)
}

// vlanState is the VLANs that a slave's NIC lets pass, and how. Whoever holds the
// bond's lock owns it; for others it is copied into slave.passes.
type vlanState struct {
	known bool // an earlier process may have left something
	tags  []link.Tag
	pass  link.VLANPass
}

// passVLANs has a slave's NIC receive the VLANs wanted. The caller holds the bond's
// lock.
func (b *Bond) passVLANs(m *relations.Map, s *slave, want []link.Tag) {
	old := s.vlans
	if old.known && len(want) == 0 && len(old.tags) == 0 {
		return
	}
	pass, err := b.sys.PassVLANs(m, s.index, s.saved, want)
	s.vlans = vlanState{known: true, tags: want, pass: pass}
	same := old.pass == pass && slices.Equal(old.tags, want)
	_ = b.call(func() {
		s.passes = s.vlans
		if err != nil && !same {
			b.warn(s, "vlan_filter", "VLAN filter: "+err.Error())
		}
		if !same && (pass.By != "" || old.pass.By != "") {
			b.event(vlanEvent(s.name, want, pass))
		}
	})
}

func vlanEvent(nic string, tags []link.Tag, pass link.VLANPass) Event {
	e := Event{Slave: nic, Kind: "vlan_filter", Message: "VLAN filter of the NIC is as it was found", Why: "no VLAN is stacked on the bond"}
	if len(tags) > 0 {
		f := VLANFilterState{VLANs: tagWords(tags), By: pass.By}
		if f.By == "" {
			f.By = "themselves: the NIC filters none now"
		}
		e.Message, e.Why = "VLAN filter of the NIC: "+f.String(), "stacked on the bond, or named by a probe target"
	}
	return e
}

// shownTags is how many VLANs a line names.
const shownTags = 16

// tagWords lists tags; of many the first ones and the number of the others.
func tagWords(tags []link.Tag) string {
	var words []string
	for _, t := range tags[:min(len(tags), shownTags)] {
		words = append(words, link.TagText(t))
	}
	text := strings.Join(words, ", ")
	if more := len(tags) - shownTags; more > 0 {
		text += " and " + plural(uint64(more), "other")
	}
	return text
}

// VLANFilterState is how a slave's NIC lets the VLANs stacked on the bond pass.
type VLANFilterState struct {
	VLANs string `json:"vlans"`
	// By is the means, in words.
	By string `json:"by"`
}

// String says it in a sentence: "VLANs 10, 20 pass by VLAN devices on it".
func (f VLANFilterState) String() string {
	if strings.ContainsAny(f.VLANs, ",") {
		return "VLANs " + f.VLANs + " pass by " + f.By
	}
	return "VLAN " + f.VLANs + " passes by " + f.By
}

// vlanFilter is what State says of it, nil if the NIC filters no VLAN that is wanted.
func (s *slave) vlanFilter() *VLANFilterState {
	if s.passes.pass.By == "" {
		return nil
	}
	return &VLANFilterState{VLANs: tagWords(s.passes.tags), By: s.passes.pass.By}
}
