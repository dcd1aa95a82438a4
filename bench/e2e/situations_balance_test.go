package e2e

import (
	"strings"
	"testing"
)

// TestSituationsBalanced: what the driver shows in balance-tlb and balance-alb.
func TestSituationsBalanced(t *testing.T) {
	t.Parallel()
	t.Run("tlb", pair("tlb", "mode balance-tlb miimon 100"))
	t.Run("alb", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.expect = strings.NewReplacer(lowerDown...)
		b.bond("mode balance-alb miimon 100")
		b.snap("alb-up")
		b.plug(1, "down")
		b.snap("alb-eth1-down")
		b.plug(0, "down")
		b.snap("alb-both-down")
	})
}
