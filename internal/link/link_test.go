package link_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/link"
)

func TestEnslaveChecks(t *testing.T) {
	nic := link.Info{Index: 5, Name: "eth0", MAC: [6]byte{2, 0, 0, 0, 0, 1}, Type: unix.ARPHRD_ETHER}
	with := func(fn func(*link.Info)) link.Info { i := nic; fn(&i); return i }
	free := link.Situation{Bond: "bond0", BondIndex: 9, InUse: func(int) bool { return false }}
	used := free
	used.InUse = func(int) bool { return true }
	stacked, loop, ownBond := free, free, used
	ownBond.OwnBond = true
	stacked.Claimed, loop.Loop = true, true
	tests := []struct {
		name  string
		info  link.Info
		sit   link.Situation
		errno unix.Errno
		text  string
	}{
		{"fit", nic, free, 0, ""},
		{"a team", with(func(i *link.Info) { i.Master, i.Kind = true, "team" }), free, unix.EPERM, "Device type (master device) cannot be enslaved"},
		{"itself", with(func(i *link.Info) { i.Index = 9 }), used, unix.EPERM, "Cannot enslave bond to itself."},
		{"a bridge's port", with(func(i *link.Info) { i.MasterIndex = 3 }), free, unix.EBUSY, "Device is in use and cannot be enslaved"},
		{"slave of ours", with(func(i *link.Info) { i.Up = true }), used, unix.EBUSY, "Device is in use and cannot be enslaved"},
		{"under a macvlan", nic, stacked, unix.EBUSY, "Device is in use and cannot be enslaved"},
		{"a bond of ours", nic, ownBond, unix.EBUSY, "Device is a bond of this host; enslave its NICs instead (802.3ad keeps a LAG in reserve, see ad_select)"},
		{"up", with(func(i *link.Info) { i.Up = true }), free, unix.EPERM, "Device can not be enslaved while up"},
		{"lo, up", with(func(i *link.Info) { i.Up, i.Type = true, unix.ARPHRD_LOOPBACK }), free, unix.EPERM, "Device can not be enslaved while up"},
		{"on the bond", nic, loop, unix.EBUSY, "Device is stacked on the bond and would receive its own frames"},
		{"on the bond and up", with(func(i *link.Info) { i.Up = true }), loop, unix.EPERM, "Device can not be enslaved while up"},
		{"not Ethernet", with(func(i *link.Info) { i.Type = unix.ARPHRD_LOOPBACK }), free, unix.EINVAL, "Device type is different from other slaves"},
	}
	for _, tt := range tests {
		err := link.EnslaveChecks(tt.info, tt.sit)
		if tt.errno == 0 {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		want := "bond0: (slave eth0): " + tt.text
		if err == nil || !errors.Is(err, tt.errno) || err.Error() != want {
			t.Errorf("%s: %v, want %s (%v)", tt.name, err, want, tt.errno)
		}
	}
	if err := link.Missing("bond0", "eth9", unix.ENODEV); err.Error() != "bond0: (slave eth9): interface does not exist" {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func inHost(t *testing.T, fn func(l *link.Linux, index int)) {
	labtest.InNetns(t, func() {
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "va", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}, PeerName: "vb"}))
		l, err := link.NewLinux()
		must(t, err)
		defer l.Close()
		i, err := l.LinkByName("va")
		must(t, err)
		fn(l, i.Index)
	})
}

func TestSaveAndRestore(t *testing.T) {
	inHost(t, func(l *link.Linux, index int) {
		sysctl := "/proc/sys/net/ipv6/conf/va/disable_ipv6"
		must(t, os.WriteFile(sysctl, []byte("0"), 0))
		must(t, l.SetMTU(index, 1400))
		before, err := l.LinkByIndex(index)
		must(t, err)
		saved, err := l.SaveSlave(index)
		must(t, err)
		must(t, l.SetMTU(index, 9000))
		must(t, l.SetMAC(index, [6]byte{2, 9, 9, 9, 9, 9}))
		must(t, l.PrepareSlave(index))
		must(t, l.SetUp(index))
		if b, _ := os.ReadFile(sysctl); !bytes.Equal(b, []byte("1\n")) {
			t.Errorf("disable_ipv6 of a slave: %q", b)
		}
		must(t, l.RestoreSlave(index, saved))
		after, err := l.LinkByIndex(index)
		must(t, err)
		if after != before {
			t.Errorf("restored: %+v\nwas %+v", after, before)
		}
		if b, _ := os.ReadFile(sysctl); !bytes.Equal(b, []byte("0\n")) {
			t.Errorf("disable_ipv6 restored: %q", b)
		}
	})
}

// As in a container: nothing under /proc/sys can be written to.
func TestPrepareWithoutSysctls(t *testing.T) {
	inHost(t, func(l *link.Linux, index int) {
		sysctl := func(name string) string {
			b, err := os.ReadFile("/proc/sys/net/ipv6/conf/va/" + name)
			must(t, err)
			return string(b)
		}
		must(t, os.WriteFile("/proc/sys/net/ipv6/conf/va/disable_ipv6", []byte("0"), 0))
		was := sysctl("addr_gen_mode")
		must(t, unix.Unshare(unix.CLONE_NEWNS))
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must(t, unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND, ""))
		must(t, unix.Mount("", "/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))

		saved, err := l.SaveSlave(index)
		must(t, err)
		must(t, l.PrepareSlave(index))
		must(t, l.SetUp(index))
		if got := sysctl("addr_gen_mode"); got != "1\n" {
			t.Errorf("addr_gen_mode of a slave: %q", got)
		}
		addrs, err := netlink.AddrList(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}, netlink.FAMILY_V6)
		must(t, err)
		if len(addrs) > 0 {
			t.Errorf("a slave has made up %v", addrs)
		}
		must(t, l.RestoreSlave(index, saved))
		if got := sysctl("addr_gen_mode"); got != was {
			t.Errorf("addr_gen_mode restored: %q, was %q", got, was)
		}
	})
}

func TestMissingLinks(t *testing.T) {
	inHost(t, func(l *link.Linux, _ int) {
		if _, err := l.LinkByName("nosuch"); !errors.Is(err, unix.ENODEV) {
			t.Error(err)
		}
		if _, err := l.LinkByIndex(4711); !errors.Is(err, unix.ENODEV) {
			t.Error(err)
		}
		if err := l.SetMTU(4711, 1500); !errors.Is(err, unix.ENODEV) {
			t.Error(err)
		}
	})
}

func TestListsAndUppers(t *testing.T) {
	inHost(t, func(l *link.Linux, index int) {
		must(t, l.SetUp(index))
		guest := [6]byte{2, 0, 0, 0, 0, 0x77}
		must(t, netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "mv0", ParentIndex: index, HardwareAddr: guest[:]}, Mode: netlink.MACVLAN_MODE_BRIDGE}))
		mv, err := l.LinkByName("mv0")
		must(t, err)
		must(t, l.SetUp(mv.Index))
		must(t, netlink.AddrAdd(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: mv.Index}},
			&netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, 0, 7).To4(), Mask: net.CIDRMask(24, 32)}}))
		unicast, multicast, err := l.AddressLists(index)
		must(t, err)
		if !slices.Contains(unicast, guest) {
			t.Errorf("unicast list %v lacks the macvlan's address", unicast)
		}
		if !slices.Contains(multicast, [6]byte{1, 0, 0x5e, 0, 0, 1}) {
			t.Errorf("multicast list %v lacks all-hosts", multicast)
		}
		ups, err := l.Uppers(index)
		must(t, err)
		if len(ups) != 1 || ups[0].Name != "mv0" || ups[0].Kind != "macvlan" || ups[0].MAC != guest {
			t.Errorf("uppers %+v", ups)
		}
		addrs, err := l.Addresses(mv.Index)
		must(t, err)
		if !slices.Contains(addrs, netip.MustParsePrefix("10.0.0.7/24")) {
			t.Errorf("addresses %v", addrs)
		}
		must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
		br, err := netlink.LinkByName("br0")
		must(t, err)
		vb, err := netlink.LinkByName("vb")
		must(t, err)
		must(t, netlink.LinkSetMaster(vb, br))
		if ups, err = l.Uppers(vb.Attrs().Index); err != nil || len(ups) != 0 {
			t.Errorf("uppers, a bridge that is down: %+v, %v", ups, err)
		}
		must(t, l.SetUp(br.Attrs().Index))
		if ups, err = l.Uppers(vb.Attrs().Index); err != nil || len(ups) != 1 || ups[0].Name != "br0" {
			t.Errorf("uppers of a bridge's port: %+v, %v", ups, err)
		}
	})
}
