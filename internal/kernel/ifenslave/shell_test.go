package ifenslave

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"

	"github.com/vishvananda/netlink"
)

// fake is a daemon and a host that note what they are asked.
type fake struct {
	bonds   []bond.State
	nics    []NIC
	missing bool // no daemon serves
	refuse  error
	prepare error
	calls   []string
}

func (f *fake) call(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fake) Bonds(context.Context) ([]bond.State, error) { return f.bonds, nil }
func (f *fake) Set(_ context.Context, b string, o []option.Assign) error {
	f.call("set %s %s=%s", b, o[0].Option, o[0].Value)
	return f.refuse
}
func (f *fake) Enslave(_ context.Context, b, s string) error {
	f.call("enslave %s %s", b, s)
	return f.refuse
}
func (f *fake) Release(_ context.Context, b, s string) error {
	f.call("release %s %s", b, s)
	return f.refuse
}
func (f *fake) Sync(context.Context) error {
	if f.missing {
		return control.ErrNoServer
	}
	return nil
}

func (f *fake) NIC(name string) (NIC, error) {
	for _, n := range f.nics {
		if n.Name == name || "alt-"+n.Name == name {
			return n, nil
		}
	}
	return NIC{Name: name}, nil
}
func (f *fake) NICs() ([]NIC, error) { return f.nics, nil }
func (f *fake) Prepare(name string) (func() error, error) {
	f.call("prepare %s", name)
	return func() error { f.call("undo %s", name); return nil }, f.prepare
}

// twoBonds: bond0, up, has eth0; bond1 is down; eth1 and eth2 are free; kbond
// is the kernel's.
func twoBonds() *fake {
	nic := func(name string) NIC {
		return NIC{Name: name, Exists: true, Ethernet: true, Up: true, MAC: "02:00:00:00:00:01", MTU: 1500}
	}
	f := &fake{nics: []NIC{nic("bond0"), nic("bond1"), nic("eth0"), nic("eth1"), nic("eth2"), nic("kbond"), nic("keth")}}
	f.nics[5].Kernels, f.nics[6].Kernels = true, true
	f.bonds = []bond.State{{Name: "bond0", Up: true, Mode: "active-backup", Slaves: []bond.SlaveState{{Name: "eth0", State: "ACTIVE", MIIStatus: "UP"}}}, {Name: "bond1"}}
	return f
}

func (f *fake) run(t *testing.T, line string) (status int, said string) {
	t.Helper()
	f.calls = nil
	var out bytes.Buffer
	s := Shell{
		Stdout: &out, Stderr: &out, Version: "1", Host: f,
		Connect: func(context.Context) (Client, error) { return f, nil },
		Real:    func(args []string) int { f.call("real %s", strings.Join(args, " ")); return 42 },
	}
	return s.Run(t.Context(), strings.Fields(line)), out.String()
}

func TestWorks(t *testing.T) {
	const (
		slaveBond = "Illegal operation: The specified slave interface '%s' is already a slave\nMaster 'bond0', Slave '%s': Error: Enslave failed\n"
		exists    = "Slave 'eth9': Error: get settings failed: No such device. Skipping\n"
	)
	for _, tt := range []struct {
		line   string
		status int
		said   string
		calls  []string
	}{
		{"bond0 eth1 eth2", 0, "", []string{"prepare eth1", "enslave bond0 eth1", "prepare eth2", "enslave bond0 eth2"}},
		{"alt-bond0 alt-eth1", 0, "", []string{"prepare eth1", "enslave bond0 eth1"}},
		{"-d alt-bond0 alt-eth0", 0, "", []string{"release bond0 eth0"}},
		{"-c bond0 alt-eth0", 0, "", []string{"set bond0 active_slave=eth0"}},
		{"-f bond0 eth1", 0, "", []string{"prepare eth1", "enslave bond0 eth1"}},
		{"bond0 eth9 eth1", 19, exists, []string{"prepare eth1", "enslave bond0 eth1"}},
		{"bond0 eth0", 1, fmt.Sprintf(slaveBond, "eth0", "eth0"), nil},
		{"bond0 keth", 1, fmt.Sprintf(slaveBond, "keth", "keth"), nil},
		{"bond0 -d eth0", 0, "", []string{"release bond0 eth0"}},
		{"--detach bond0 eth0 eth1", 1, "Illegal operation: The specified slave interface 'eth1' is not a slave\nMaster 'bond0', Slave 'eth1': Error: Release failed\n", []string{"release bond0 eth0"}},
		{"-c bond0 eth0", 0, "", []string{"set bond0 active_slave=eth0"}},
		{"-c bond0 eth9", 255, "Slave 'eth9': Error: get flags failed. Aborting\n", nil},
		{"bond1 eth1", 1, "Illegal operation; the specified master interface 'bond1' is not up.\n", nil},
		{"eth1 eth2", 1, "Illegal operation; the specified interface 'eth1' is not a master. Aborting\n", nil},
		{"kbond eth1", 42, "", []string{"real kbond eth1"}},
		{"-dv kbond keth", 42, "ifenslave: tapbond 1\n", []string{"real -dv kbond keth"}},
		{"bond0", 0, "bond0: up, master, mode active-backup, slaves eth0 (active, up), address 02:00:00:00:00:01, mtu 1500\n", nil},
		{"-V", 0, "ifenslave: tapbond 1\n", nil},
		{"--usage", 0, usage, nil},
		{"--he", 0, usage + help, nil},
		{"", 2, usage, nil},
		{"-a bond0", 2, usage, nil},
		{"-d bond0", 2, usage, nil},
		{"-dc bond0 eth0", 2, "ifenslave: options exclude each other\n" + usage, nil},
		{"--ver bond0", 2, "ifenslave: unrecognized option '--ver'\n" + usage, nil},
	} {
		f := twoBonds()
		status, said := f.run(t, tt.line)
		if status != tt.status || said != tt.said || cmp.Diff(tt.calls, f.calls) != "" {
			t.Errorf("ifenslave %s: status %d, want %d\nsaid %q\nwant %q\ncalls (-want +got):\n%s", tt.line, status, tt.status, said, tt.said, cmp.Diff(tt.calls, f.calls))
		}
	}
}

// A NIC that is refused is put back as it was, and the reason told.
func TestRefused(t *testing.T) {
	f := twoBonds()
	f.refuse = &control.Error{Message: "bond0: (slave eth1): no", Errno: unix.EINVAL}
	status, said := f.run(t, "-v bond0 eth1")
	if want := "ifenslave: tapbond 1\nInterface 'eth1': set down, its IPv4 addresses cleared\nMaster 'bond0', Slave 'eth1': Error: Enslave failed\n  bond0: (slave eth1): no\n  errno 22: Invalid argument\n"; status != 1 || said != want {
		t.Errorf("status %d, said %q", status, said)
	}
	if d := cmp.Diff([]string{"prepare eth1", "enslave bond0 eth1", "undo eth1"}, f.calls); d != "" {
		t.Error(d)
	}
	if status, said = f.run(t, "-d bond0 eth0"); status != 1 || said != "Master 'bond0', Slave 'eth0': Error: Release failed\n  bond0: (slave eth1): no\n" {
		t.Errorf("release: status %d, said %q", status, said)
	}
	f.prepare = errors.New("busy")
	if status, said = f.run(t, "bond0 eth1"); status != 1 || !strings.HasPrefix(said, "Slave 'eth1': Error: bring interface down failed: busy\n") || len(f.calls) != 1 {
		t.Errorf("status %d, said %q, calls %v", status, said, f.calls)
	}
}

func TestNoDaemon(t *testing.T) {
	f := &fake{missing: true, nics: []NIC{{Name: "lo", Exists: true, Up: true, MTU: 65536}}}
	if status, said := f.run(t, "bond0 eth0"); status != 1 || !strings.HasPrefix(said, "Master 'bond0': Error: handshake with driver failed. Aborting\n") || !strings.Contains(said, "modprobe bonding") {
		t.Errorf("status %d, said %q", status, said)
	}
	if status, said := f.run(t, "-a"); status != 0 || said != "lo: up, mtu 65536\n" {
		t.Errorf("status %d, said %q", status, said)
	}
}

// Prepare and its undo, on a real interface.
func TestPrepare(t *testing.T) {
	labtest.InNetns(t, func() {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "peer"}))
		l, err := netlink.LinkByName("eth0")
		must(err)
		must(netlink.LinkSetUp(l))
		for _, a := range []string{"10.1.0.1/24", "10.1.0.2/24", "10.2.0.1/16"} {
			addr, err := netlink.ParseAddr(a)
			must(err)
			must(netlink.AddrAdd(l, addr))
		}
		_, far, err := net.ParseCIDR("192.0.2.0/24")
		must(err)
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: far, Gw: net.IPv4(10, 1, 0, 9)}))
		state := func() string {
			n, err := Links{}.NIC("eth0")
			must(err)
			addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
			must(err)
			routes, err := netlink.RouteList(l, netlink.FAMILY_V4)
			must(err)
			out := fmt.Sprint(n.Exists, n.Ethernet, n.Up, n.Kernels)
			for _, a := range addrs {
				out += " " + a.IPNet.String()
			}
			for _, r := range routes {
				if r.Gw != nil {
					out += " " + r.Dst.String() + " via " + r.Gw.String()
				}
			}
			return out
		}
		before := state()
		undo, err := Links{}.Prepare("eth0")
		must(err)
		if got := state(); got != "true true false false" {
			t.Errorf("prepared: %s", got)
		}
		must(undo())
		if got := state(); got != before || got != "true true true false 10.1.0.1/24 10.2.0.1/16 10.1.0.2/24 192.0.2.0/24 via 10.1.0.9" {
			t.Errorf("was %s\nis  %s", before, got)
		}
		if n, err := (Links{}).NIC("a-name-that-is-too-long-for-an-interface"); err != nil || n.Exists {
			t.Errorf("%+v, %v", n, err)
		}
	})
}
