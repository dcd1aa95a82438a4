package bond

import (
	"strings"

	"github.com/tapbond/tapbond/internal/relations"
)

// noteClaimants takes who beside the bond receives a slave's frames, or uses it as a
// port: a bridge or another bond that it was put under, a macvlan made on it.
func (b *Bond) noteClaimants(m *relations.Map, s *slave) {
	var names []string
	for _, d := range m.Claimants(relations.Local(s.index)) {
		if d.ID != relations.Local(b.index) {
			names = append(names, d.Name+" ("+kindWord(d.Kind)+")")
		}
	}
	text := strings.Join(names, ", ")
	_ = b.call(func() {
		was := s.claimed
		if s.claimed = text; was == text {
			return
		}
		if text == "" {
			b.event(Event{Slave: s.name, Kind: "claimed", Message: "belongs to the bond alone again", From: was})
			return
		}
		b.warn(s, "claimed", "is used by "+text+", too: what that sends by it bypasses the bond, and the bond's frames reach it")
	})
}

func kindWord(kind string) string {
	if kind == "" {
		return "device"
	}
	return kind
}
