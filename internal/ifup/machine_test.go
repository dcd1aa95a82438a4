package ifup

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/labtest"
)

// inNetwork runs fn in a namespace with eth0 and bond0 (no bond, but that makes
// no difference here), both up and addressed, the default route on eth0.
func inNetwork(t *testing.T, fn func()) {
	labtest.InNetns(t, func() {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		// No address of the kernel's own comes late.
		must(os.WriteFile("/proc/sys/net/ipv6/conf/default/addr_gen_mode", []byte("1"), 0))
		for name, addr := range map[string][]string{"eth0": {"192.0.2.1/24", "2001:db8::1/64"}, "bond0": {"198.51.100.1/24", "2001:db8:1::1/64"}} {
			must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "p" + name}))
			for _, n := range []string{name, "p" + name} {
				l, err := linkByName(n)
				must(err)
				must(netlink.LinkSetUp(l))
			}
			l, err := linkByName(name)
			must(err)
			for _, a := range addr {
				p, err := netlink.ParseAddr(a)
				must(err)
				p.Flags = unix.IFA_F_NODAD
				must(netlink.AddrAdd(l, p))
			}
		}
		for _, gw := range []string{"192.0.2.9", "2001:db8::9"} {
			undo, err := setDefault(ifcfg.Step{Bond: "eth0", Gateway: ifcfg.Gateway{Addr: netip.MustParseAddr(gw)}})
			must(err)
			if undo == nil {
				t.Fatal("no undo")
			}
		}
		fn()
	})
}

// seen is what of the namespace a user would miss.
func seen(t *testing.T) map[string][]string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, l := range links {
		a := l.Attrs()
		what := []string{a.HardwareAddr.String(), (a.Flags & net.FlagUp).String()}
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			t.Fatal(err)
		}
		for _, addr := range addrs {
			what = append(what, addr.IPNet.String())
		}
		routes, err := netlink.RouteList(l, netlink.FAMILY_ALL)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			what = append(what, r.Dst.String()+" via "+r.Gw.String())
		}
		out[a.Name] = what
	}
	return out
}

// Each step changes what it should, and its undo leaves nothing of it.
func TestStepsAndTheirUndo(t *testing.T) {
	address := func(p string) ifcfg.Address { return ifcfg.Address{Prefix: netip.MustParsePrefix(p)} }
	for name, do := range map[string]func() (Undo, error){
		"down":    func() (Undo, error) { return SetDown("eth0") },
		"address": func() (Undo, error) { return addAddress(ifcfg.Step{Bond: "bond0", Address: address("10.0.0.1/8")}) },
		"address6": func() (Undo, error) {
			return addAddress(ifcfg.Step{Bond: "bond0", Address: address("2001:db8:2::1/64")})
		},
		"drop address": func() (Undo, error) {
			return dropAddress(ifcfg.Step{Link: "bond0", Address: address("198.51.100.1/24")})
		},
		"default": func() (Undo, error) {
			return setDefault(ifcfg.Step{Bond: "bond0", Gateway: ifcfg.Gateway{Addr: netip.MustParseAddr("198.51.100.9")}})
		},
		"default6": func() (Undo, error) {
			return setDefault(ifcfg.Step{Bond: "bond0", Gateway: ifcfg.Gateway{Addr: netip.MustParseAddr("2001:db8:1::9")}})
		},
		"point to point": func() (Undo, error) {
			a := address("203.0.113.5/32")
			a.Peer = netip.MustParseAddr("203.0.113.1")
			return addAddress(ifcfg.Step{Bond: "bond0", Address: a})
		},
		"scope and broadcast": func() (Undo, error) {
			a := address("10.0.0.1/8")
			a.Scope, a.Broadcast = "link", netip.MustParseAddr("10.0.0.255")
			return addAddress(ifcfg.Step{Bond: "bond0", Address: a})
		},
		"default out of reach": func() (Undo, error) {
			return setDefault(ifcfg.Step{Bond: "bond0", Gateway: ifcfg.Gateway{Addr: netip.MustParseAddr("203.0.113.9"), OnLink: true, Metric: 5}})
		},
		"mac": func() (Undo, error) { return setMAC("bond0", net.HardwareAddr{2, 0, 0, 0, 9, 9}) },
	} {
		t.Run(name, func(t *testing.T) {
			inNetwork(t, func() {
				before := seen(t)
				undo, err := do()
				if err != nil || undo == nil {
					t.Fatal(err)
				}
				if cmp.Equal(before, seen(t)) {
					t.Error("nothing is changed")
				}
				if err := undo(t.Context()); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(before, seen(t)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What is so already is no step to undo, and what can't be says of what.
func TestStepsThatChangeNothing(t *testing.T) {
	inNetwork(t, func() {
		if undo, err := addAddress(ifcfg.Step{Bond: "bond0", Address: ifcfg.Address{Prefix: netip.MustParsePrefix("198.51.100.1/24")}}); undo != nil || err != nil {
			t.Error(err)
		}
		if undo, err := dropAddress(ifcfg.Step{Link: "eth0", Address: ifcfg.Address{Prefix: netip.MustParsePrefix("10.9.9.9/8")}}); undo != nil || err != nil {
			t.Error(err)
		}
		if _, err := setUp("eth7"); err == nil || err.Error() != "eth7: Link not found" {
			t.Error(err)
		}
		if _, err := setMTU("eth0", 20); err == nil || err.Error() != "eth0: mtu 20: invalid argument" {
			t.Error(err)
		}
	})
}
