package bond

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A request for an MTU or an address that one slave refuses is an error that names
// it, with the kernel's errno, and everything is as it was.
func TestSetLinkAllOrNothing(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		indexes := []int{r.sys.index("eth0"), r.sys.index("eth1"), r.tap.index}
		expectAll := func(when string, mtu int, mac [6]byte) {
			t.Helper()
			for _, i := range indexes {
				expect(t, when+": MTU", r.link(i).MTU, mtu)
				expect(t, when+": address", r.link(i).MAC, mac)
			}
			expect(t, when+": the bond's MTU", r.state().MTU, mtu)
		}
		mac := [6]byte{2, 9, 9, 9, 9, 9}
		r.must(r.b.SetAddress(r.t.Context(), mac))
		r.must(r.b.SetMTU(r.t.Context(), 9000))
		expectAll("after a change", 9000, mac)

		r.failing("mtu 3", unix.EINVAL)
		err := r.b.SetMTU(r.t.Context(), 9500)
		if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "bond0: (slave eth") || !strings.Contains(err.Error(), "stays at 9000") {
			t.Errorf("%v", err)
		}
		expectAll("an MTU refused by a slave", 9000, mac)
		r.failing("mac 3", unix.EBUSY)
		if err := r.b.SetAddress(r.t.Context(), [6]byte{2, 8, 8, 8, 8, 8}); !errors.Is(err, unix.EBUSY) {
			t.Errorf("%v", err)
		}
		expectAll("an address refused by a slave", 9000, mac)

		before := len(r.log())
		r.must(r.b.SetMTU(r.t.Context(), 9000))
		r.must(r.b.SetAddress(r.t.Context(), mac))
		expect(t, "lines about what is so already", len(r.log()), before)
	})
}
