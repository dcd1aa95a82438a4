package announce

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/link"
)

var mac = [6]byte{2, 0, 0, 0, 0, 0}

// The frames are those that the kernel's driver sent (Linux 6.1) for the same
// addresses at a failover.
var recorded = map[string]string{
	"10.1.0.9": "ffffffffffff 020000000000 0806 0001 0800 06 04 0001 020000000000 0a010009 000000000000 0a010009",
	"fd00::9": `333300000001 020000000000 86dd 60000000 0020 3a ff fd000000000000000000000000000009
		ff020000000000000000000000000001 88 00 5a8c 20000000 fd000000000000000000000000000009 0201 020000000000`,
}

func octets(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFramesAreTheKernels(t *testing.T) {
	for ip, want := range recorded {
		addr := netip.MustParseAddr(ip)
		build := func(tags []link.Tag) ([]byte, error) {
			if addr.Is4() {
				return ARP(mac, addr, tags)
			}
			return NA(mac, addr, false, tags)
		}
		got, err := build(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(octets(t, want), got); diff != "" {
			t.Errorf("%s (-recorded +built):\n%s", ip, diff)
		}
		tagged, err := build([]link.Tag{{TPID: 0x88a8, VID: 7}, {TPID: 0x8100, VID: 10}})
		if err != nil {
			t.Fatal(err)
		}
		w := octets(t, want)
		w = append(append(append([]byte{}, w[:12]...), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 10), w[12:]...)
		if diff := cmp.Diff(w, tagged); diff != "" {
			t.Errorf("%s tagged (-want +built):\n%s", ip, diff)
		}
	}
}

func TestRouterSaysSo(t *testing.T) {
	f, err := NA(mac, netip.MustParseAddr("fd00::9"), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if flags := f[14+40+4]; flags != 0xa0 {
		t.Errorf("flags %#x, want router and override", flags)
	}
	if sum := ICMPv6Sum(f[14+8:14+40], f[14+40:]); sum != 0 {
		t.Errorf("checksum is off by %#x", sum)
	}
}

// fakeSource is a bond with a bridge and a VLAN on it.
type fakeSource struct{}

func (fakeSource) LinkByIndex(int) (link.Info, error) {
	return link.Info{Index: 1, Name: "bond0", MAC: mac}, nil
}

func (fakeSource) Uppers(int) ([]link.Upper, error) {
	return []link.Upper{{Info: link.Info{Index: 2, Name: "bond0.10", MAC: mac}, Tags: []link.Tag{{TPID: 0x8100, VID: 10}}}}, nil
}

func (fakeSource) Addresses(index int) ([]netip.Prefix, error) {
	if index == 1 {
		return []netip.Prefix{netip.MustParsePrefix("fd00::9/64"), netip.MustParsePrefix("10.1.0.9/24")}, nil
	}
	return []netip.Prefix{netip.MustParsePrefix("10.2.0.9/24")}, nil
}

func (fakeSource) IPv6Router(string) bool { return false }

func TestTargets(t *testing.T) {
	targets, err := Targets(fakeSource{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range targets {
		got = append(got, x.Addr.String())
	}
	if diff := cmp.Diff([]string{"10.1.0.9", "fd00::9", "10.2.0.9"}, got); diff != "" {
		t.Error(diff)
	}
	if tagged := targets[2].Frame; tagged[12] != 0x81 || tagged[15] != 10 {
		t.Errorf("the VLAN's announcement is not tagged: % x", tagged)
	}
}

func TestNotifier(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		plan Plan
		want []time.Duration
	}{
		{Plan{Count: 0, Interval: 100 * ms}, nil},
		{Plan{Count: 1, Interval: 100 * ms}, []time.Duration{0}},
		{Plan{Count: 3, Interval: 100 * ms}, []time.Duration{0, 100 * ms, 200 * ms}},
		{Plan{Count: 3, Interval: 100 * ms, Delay: 100 * ms}, []time.Duration{0, 100 * ms, 200 * ms}},
		// As recorded from the driver: 0, 0.11, 0.33 s.
		{Plan{Count: 3, Interval: 100 * ms, Delay: 200 * ms}, []time.Duration{0, 100 * ms, 300 * ms}},
		{Plan{Count: 2, Interval: 100 * ms, Delay: time.Second}, []time.Duration{0, 900 * ms}},
		// Without a monitor there is no second time.
		{Plan{Count: 5}, []time.Duration{0}},
	}
	start := time.Unix(0, 0)
	for _, tt := range tests {
		var n Notifier
		n.Start(start, tt.plan)
		var got []time.Duration
		for at, ok := n.Next(); ok; at, ok = n.Next() {
			if n.Step(at.Add(-1)) {
				t.Errorf("%+v: due before its time", tt.plan)
			}
			if !n.Step(at) {
				t.Fatalf("%+v: not due at %v", tt.plan, at.Sub(start))
			}
			got = append(got, at.Sub(start))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v:\n%s", tt.plan, diff)
		}
	}
	for count := range 256 {
		var n Notifier
		n.Start(start, Plan{Count: count, Interval: 100 * ms, Delay: 300 * ms})
		sent := 0
		for now := start; now.Before(start.Add(100 * time.Second)); now = now.Add(70 * ms) {
			if n.Step(now) {
				sent++
			}
		}
		if sent != count {
			t.Errorf("%d of %d sent by a caller that is late", sent, count)
		}
	}
	var n Notifier
	n.Start(start, Plan{Count: 3, Interval: 100 * ms})
	n.Step(start)
	n.Stop()
	if n.Step(start.Add(time.Hour)) {
		t.Error("sent after Stop")
	}
}
