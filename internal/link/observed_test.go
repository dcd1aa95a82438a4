package link_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/link"
)

// What makes a link's frames pass the link, and what doesn't.
func TestObserved(t *testing.T) {
	const (
		captured = "somebody captures on the bond"
		queued   = "the bond has a queueing discipline of its own"
		filtered = "the bond has filters of its own"
	)
	labtest.InNetns(t, func() {
		sh := func(line string) {
			t.Helper()
			if out, err := exec.Command("sh", "-ec", line).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", line, err, out)
			}
		}
		sh("ip tuntap add b0 mode tap; ip link set b0 up; ip link add br0 type bridge")
		l, err := link.NewLinux()
		must(t, err)
		defer l.Close()
		b0, err := netlink.LinkByName("b0")
		must(t, err)
		const one = "tc filter add dev b0 egress pref %d bpf bytecode '1,6 0 0 4294967295' direct-action"
		filter := func(pref string) string { return strings.Replace(one, "%d", pref, 1) }
		for _, c := range []struct{ do, want string }{
			{"true", ""},
			{"ip link set b0 promisc on", captured},
			{"ip link set b0 promisc off", ""},
			{"ip link set b0 master br0", ""},
			{"ip link set b0 promisc on", captured},
			{"ip link set b0 promisc off nomaster", ""},
			{"tc qdisc add dev b0 root tbf rate 1mbit burst 10k latency 50ms", queued},
			{"tc qdisc del dev b0 root", ""},
			{"tc qdisc add dev b0 clsact; " + filter("1"), ""}, // as our own
			{filter("2"), filtered},
			{"tc filter del dev b0 egress pref 2", ""},
		} {
			sh(c.do)
			if got, err := l.Observed(b0.Attrs().Index); err != nil || got != c.want {
				t.Errorf("%s: %q, %v; want %q", c.do, got, err, c.want)
			}
		}
		sh("ip link del b0")
		if _, err := l.Observed(b0.Attrs().Index); err == nil {
			t.Error("a link that is gone is observed")
		}
	})
}

// A device that isn't stacked or paired, or has its peer's number, hears late.
func TestPrompt(t *testing.T) {
	for _, c := range []struct {
		index, parent int
		want          bool
	}{{5, 0, false}, {5, 5, false}, {5, 6, true}} {
		if got := (link.Info{Index: c.index, ParentIndex: c.parent}).Prompt(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
