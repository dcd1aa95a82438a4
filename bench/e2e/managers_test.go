package e2e

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// ownRun has a command run with a /run of its own: managers keep their sockets
// there, and the machine's own ones must not be met.
func ownRun(command ...string) (string, []string) {
	script := `mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib/dhcpcd && exec "$0" "$@"`
	return "unshare", append([]string{"--mount", "--propagation", "private", "sh", "-c", script}, command...)
}

// dhcpcd runs as the manager of NICs in host A, beside the daemon. Without a
// server: it gives each NIC that has carrier this address.
const dhcpcdAddress = "10.77.0.1/24"

func (s *served) startDhcpcd(nics ...string) *lab.Process {
	s.t.Helper()
	args := append([]string{"--mount=/proc/" + strconv.Itoa(s.proc.PID()) + "/ns/mnt",
		"dhcpcd", "--manager", "--nobackground", "--nodev", "--noarp", "--ipv4only", "--script", "/bin/true",
		"--config", "/dev/null", "--static", "ip_address=" + dhcpcdAddress}, nics...)
	p, err := s.lab.Start(context.Background(), s.lab.A, "nsenter", args, nil)
	s.must(err)
	s.t.Cleanup(func() {
		p.Kill()
		<-p.Done()
		if s.t.Failed() {
			s.t.Logf("dhcpcd said:\n%s", p.Output())
		}
	})
	return p
}

// addresses of an interface of host A, without those of IPv6.
func (s *served) addresses(nic string) []string {
	l, err := s.lab.A.Handle.LinkByName(nic)
	s.must(err)
	list, err := s.lab.A.Handle.AddrList(l, netlink.FAMILY_V4)
	s.must(err)
	var out []string
	for _, a := range list {
		out = append(out, a.IPNet.String())
	}
	return out
}

// flap takes a slave's carrier away and gives it back.
func (s *served) flap(k *lab.Link) {
	s.t.Helper()
	for _, up := range []bool{false, true} {
		_, err := k.Carrier(up)
		s.must(err)
		s.until(k.Slave()+" follows its cable", func(st bond.State) bool { return st.Slaves[0].Carrier == up })
	}
}

// dhcpcd puts an address on every NIC that comes up, but not on a slave; on one
// that was released it does again.
func TestDhcpcdLeavesSlavesAlone(t *testing.T) {
	waits(t)
	if _, err := exec.LookPath("dhcpcd"); err != nil {
		labtest.Lack(t, "dhcpcd")
	}
	s := &served{bed: *newBed(t, lab.Topology{Slaves: 1})}
	s.must(s.lab.A.Do(func() (err error) {
		s.client, err = control.NewClient()
		return err
	}))
	name, args := ownRun(binary, "daemon")
	var err error
	s.proc, err = s.lab.Start(context.Background(), s.lab.A, name, args, nil)
	s.must(err)
	t.Cleanup(s.down)
	s.said("serving")

	eth0 := s.lab.Links()[0]
	s.must(s.lab.A.Up("eth0"))
	s.startDhcpcd("eth0")
	has := func() bool { return len(s.addresses("eth0")) == 1 && s.addresses("eth0")[0] == dhcpcdAddress }
	lacks := func() bool { return len(s.addresses("eth0")) == 0 }
	s.comes("dhcpcd has eth0", has)
	// It isn't asked before it runs: release 9.4 ends when somebody asks while it starts.
	for _, step := range []struct {
		up bool
		ok func() bool
	}{{false, lacks}, {true, has}} {
		_, err := eth0.Carrier(step.up)
		s.must(err)
		s.comes(fmt.Sprintf("dhcpcd has seen carrier %v", step.up), step.ok)
	}

	options, _, err := option.ParseWords(strings.Fields("mode active-backup miimon 100"))
	s.must(err)
	s.must(s.lab.A.Command(t.Context(), "ip", "link", "set", "eth0", "down").Run())
	s.enslaved(options)
	st, err := s.client.Bond(t.Context(), "bond0")
	s.must(err)
	if got := st.Slaves[0]; len(got.Managers) != 1 || got.Managers[0] != "dhcpcd" || len(got.Addresses) > 0 {
		t.Errorf("told of eth0: %v, addresses %v", got.Managers, got.Addresses)
	}
	for range 2 {
		s.flap(eth0)
		if got := s.addresses("eth0"); len(got) > 0 {
			t.Fatalf("eth0 is a slave and has %v", got)
		}
	}

	// Somebody's else address on it is seen, and seen to go.
	l, err := s.lab.A.Handle.LinkByName("eth0")
	s.must(err)
	stranger := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 78, 0, 1), Mask: net.CIDRMask(24, 32)}}
	s.must(s.lab.A.Handle.AddrAdd(l, stranger))
	s.said("(slave eth0): address 10.78.0.1/24 is on a slave")
	s.comes("show tells of the address", func() bool {
		out, err := s.tapbond("show", "bond0")
		return err == nil && strings.Contains(out, "eth0 has 10.78.0.1/24")
	})
	s.must(s.lab.A.Handle.AddrDel(l, stranger))
	s.said("(slave eth0): address 10.78.0.1/24 is no longer on the slave")
	s.must(s.client.Release(t.Context(), "bond0", "eth0"))
	if l, err := s.lab.A.Handle.LinkByName("eth0"); err != nil || l.Attrs().RawFlags&unix.IFF_UP != 0 {
		t.Errorf("eth0 is left up: %v", err)
	}
}

// comes waits for a condition.
func (b *bed) comes(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			b.t.Fatalf("waiting for: %s\n%s", what, b.proc.Output())
		}
		<-time.After(5 * time.Millisecond)
	}
}
