package bond

import (
	"slices"
	"strings"
	"time"
)

// rulesEvery is how often slaves are searched for rules that the bond's frames
// bypass; there is no event for all of them.
const rulesEvery = 5 * time.Second

// lookForRules notes firewall rules on a slave. They were written to filter,
// and filter nothing that the bond receives.
func (b *Bond) lookForRules(slaves []*slave) {
	if now := b.now(); now.Sub(b.rulesAt) < rulesEvery && !slices.ContainsFunc(slaves, func(s *slave) bool { return !s.ruled }) {
		return
	}
	b.rulesAt = b.now()
	for _, s := range slaves {
		s.ruled = true
		var name string
		if b.call(func() { name = s.name }) != nil {
			return
		}
		rules, err := b.sys.BypassedRules(s.index, name, s.seat != nil)
		if err != nil {
			continue // a link that is gone, or asked again
		}
		_ = b.call(func() {
			was := s.bypassed
			if s.bypassed = rules; slices.Equal(was, rules) {
				return
			}
			if len(rules) == 0 {
				b.event(Event{Slave: s.name, Kind: "rules_bypassed", Message: "has no rules that the bond's frames bypass any more"})
				return
			}
			b.warn(s, "rules_bypassed", "has rules that don't see the bond's frames: "+strings.Join(rules, ", ")+"; put them on "+b.name)
		})
	}
}
