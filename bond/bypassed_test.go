package bond

import (
	"strings"
	"testing"
)

func TestBypassedRulesAreReported(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth1 := r.sys.index("eth1")
		pass(2 * housekeepEvery)
		expect(t, "at first", r.state().Verdict.Word, WordHealthy)
		rules := func(list ...string) {
			r.sys.mu.Lock()
			r.sys.rules = map[int][]string{eth1: list}
			r.sys.mu.Unlock()
			pass(2 * rulesEvery)
		}
		rules("nftables ingress chain (netdev t c)")
		expect(t, "with rules", r.state().Verdict.Word, WordDegraded)
		expect(t, "rules", strings.Join(r.state().Slaves[1].Bypassed, ", "), "nftables ingress chain (netdev t c)")
		rules()
		expect(t, "without rules", r.state().Verdict.Word, WordHealthy)
		text := strings.Join(r.log(), "\n")
		expect(t, "told", strings.Count(text, "has rules that don't see the bond's frames: nftables ingress chain (netdev t c); put them on bond0"), 1)
		expect(t, "told that it is over", strings.Count(text, "has no rules"), 1)
	})
}
