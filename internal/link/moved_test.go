package link_test

import (
	"errors"
	"net"
	"os/exec"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/link"
)

// A NIC that was moved is restored where it is, if a process is there, and nothing
// is changed that somebody has changed there already.
func TestRestoreMoved(t *testing.T) {
	labtest.InNetns(t, func() {
		var stay *exec.Cmd
		other := labtest.OtherNetns(t, func() {
			stay = exec.Command("cat")
			in, err := stay.StdinPipe()
			must(t, err)
			must(t, stay.Start())
			t.Cleanup(func() { in.Close(); _ = stay.Wait() })
		})
		defer other.Close()
		l, err := link.NewLinux()
		must(t, err)
		defer l.Close()
		there, err := netlink.NewHandleAt(netns.NsHandle(other.Fd()))
		must(t, err)
		defer there.Close()
		given := [6]byte{2, 0, 0, 0, 0, 0xb0}
		// move makes a NIC as the bond had it, and moves it.
		move := func(name string) (link.Moved, netlink.Link) {
			t.Helper()
			must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: given[:], MTU: 1400}, PeerName: name + "p"}))
			x, err := netlink.LinkByName(name)
			must(t, err)
			must(t, netlink.LinkSetNsFd(x, int(other.Fd())))
			number, err := netlink.GetNetNsIdByFd(int(other.Fd()))
			must(t, err)
			saved := link.Saved{MAC: [6]byte{2, 0, 0, 0, 0, 1}, MTU: 1500, IPv6: "0", AddrGen: "0"}
			return link.Moved{Was: x.Attrs().Index, NetNS: number, Index: x.Attrs().Index, Kind: "veth", MAC: given, MTU: 1400, Saved: saved}, x
		}
		is := func(name, mac string, mtu int) {
			t.Helper()
			x, err := there.LinkByName(name)
			must(t, err)
			if a := x.Attrs(); a.HardwareAddr.String() != mac || a.MTU != mtu {
				t.Errorf("%s: %s, MTU %d; want %s, %d", name, a.HardwareAddr, a.MTU, mac, mtu)
			}
		}
		m, _ := move("va")
		must(t, l.RestoreMoved(m))
		is("va", "02:00:00:00:00:01", 1500)

		m, x := move("vb") // its new owner was faster
		must(t, there.LinkSetHardwareAddr(x, net.HardwareAddr{2, 9, 9, 9, 9, 9}))
		must(t, there.LinkSetMTU(x, 1300))
		must(t, l.RestoreMoved(m))
		is("vb", "02:09:09:09:09:09", 1300)

		m, _ = move("vc")
		m.HWAddr = [6]byte{2, 1, 1, 1, 1, 1}
		if err := l.RestoreMoved(m); err == nil {
			t.Error("another device was changed")
		}
		is("vc", "02:00:00:00:00:b0", 1400)
		m.NetNS = 1234
		if err := l.RestoreMoved(m); !errors.Is(err, link.ErrUnreachable) {
			t.Errorf("a namespace that isn't there: %v", err)
		}
	})
}
