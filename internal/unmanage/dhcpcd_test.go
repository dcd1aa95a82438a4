package unmanage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listing is an answer of dhcpcd's about NICs it has.
func listing(nics ...string) []byte {
	out := binary.NativeEndian.AppendUint64(nil, uint64(len(nics)))
	for _, n := range nics {
		env := "PATH=/bin\x00reason=BOUND\x00interface=" + n + "\x00protocol=dhcp\x00"
		out = append(binary.NativeEndian.AppendUint64(out, uint64(len(env))), env...)
	}
	return out
}

// fakeDhcpcd has NICs and obeys its control sockets.
type fakeDhcpcd struct {
	mu       sync.Mutex
	has      []string
	once     bool // as 9.4: no answer after the first command
	commands []string
}

func startDhcpcd(t *testing.T, run string, once bool, nics ...string) *fakeDhcpcd {
	t.Helper()
	d := &fakeDhcpcd{has: nics, once: once}
	if err := os.MkdirAll(filepath.Join(run, "dhcpcd"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sock", "unpriv.sock"} {
		l, err := net.Listen("unix", filepath.Join(run, "dhcpcd", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				d.serve(conn, name == "sock")
			}
		}()
	}
	return d
}

func (d *fakeDhcpcd) serve(conn net.Conn, commands bool) {
	defer conn.Close()
	buf := make([]byte, 1024)
	n, _ := conn.Read(buf)
	words := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	d.mu.Lock()
	deaf := d.once && len(d.commands) > 0
	if !deaf && commands {
		d.commands = append(d.commands, strings.Join(words, " "))
		switch words[1] {
		case "-k":
			d.has = slices.DeleteFunc(d.has, func(nic string) bool { return nic == words[2] })
		default:
			d.has = append(d.has, words[1:]...)
		}
	}
	answer := listing(d.has...)
	d.mu.Unlock()
	switch {
	case deaf:
		_, _ = conn.Read(buf) // until who asks gives up
	case words[0] == "--getinterfaces":
		_, _ = conn.Write(answer)
	}
}

func (d *fakeDhcpcd) nics() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.has)
}

func dhcpcdGuard(t *testing.T, run string) *Guard {
	t.Helper()
	g, err := newGuard(settings{run: run, bus: "unix:path=" + filepath.Join(run, "no-bus")})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// dhcpcd gives up the NICs it has, and gets those back, not others.
func TestDhcpcd(t *testing.T) {
	run := t.TempDir()
	g := dhcpcdGuard(t, run)
	if got := g.Look(t.Context(), "eth0"); len(got) > 0 {
		t.Fatalf("nobody runs, but %v", got)
	}
	d := startDhcpcd(t, run, false, "eth0", "eth1")
	if got := g.Look(t.Context(), "eth5"); len(got) > 0 {
		t.Errorf("it hasn't eth5, but %v", got)
	}
	h := Held{NIC: "eth1", Managers: g.Look(t.Context(), "eth1")}
	if d := cmp.Diff([]string{"dhcpcd"}, h.Managers); d != "" {
		t.Fatal(d)
	}
	noErrors(t, g.Hold(t.Context(), h))
	if diff := cmp.Diff([]string{"eth0"}, d.nics()); diff != "" {
		t.Error(diff)
	}
	noErrors(t, g.Free(t.Context(), h))
	if diff := cmp.Diff([]string{"eth0", "eth1"}, d.nics()); diff != "" {
		t.Error(diff)
	}
}

// One that obeys but once is told as far as it goes, and the rest is said.
func TestDhcpcdThatObeysOnce(t *testing.T) {
	t.Parallel()
	run := t.TempDir()
	g := dhcpcdGuard(t, run)
	d := startDhcpcd(t, run, true, "eth0", "eth1")
	first := Held{NIC: "eth0", Managers: g.Look(t.Context(), "eth0")}
	noErrors(t, g.Hold(t.Context(), first))
	second := Held{NIC: "eth1", Managers: g.Look(t.Context(), "eth1")}
	if errs := g.Hold(t.Context(), second); len(errs) != 1 || !errors.Is(errs[0], errMute) || !strings.Contains(errs[0].Error(), "denyinterfaces eth1") {
		t.Errorf("the second: %v, %v", second, errs)
	}
	if errs := g.Free(t.Context(), first); len(errs) != 1 || !strings.Contains(errs[0].Error(), "eth0 again once it is restarted") {
		t.Errorf("free: %v", errs)
	}
	if diff := cmp.Diff([]string{"eth1"}, d.nics()); diff != "" {
		t.Error(diff)
	}
}

func TestFindInterface(t *testing.T) {
	whole := listing("eth0", "eth10", "eth1")
	for _, nic := range []string{"eth0", "eth1", "eth10"} {
		if found, err := findInterface(bytes.NewReader(whole), nic); !found || err != nil {
			t.Errorf("%s: %v, %v", nic, found, err)
		}
	}
	if found, err := findInterface(bytes.NewReader(whole), "eth"); found || err != nil {
		t.Errorf("eth: %v, %v", found, err)
	}
	for n := range len(whole) {
		if _, err := findInterface(bytes.NewReader(whole[:n]), "eth1"); err == nil {
			t.Errorf("%d octets of %d pass for all", n, len(whole))
		}
	}
}

// Whatever answers on that socket, reading it ends, in little memory.
func FuzzFindInterface(f *testing.F) {
	f.Add(listing("eth0"))
	f.Add(listing())
	f.Add(bytes.Repeat([]byte{0xff}, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		found, _ := findInterface(bytes.NewReader(b), "eth0")
		if found && !bytes.Contains(b, []byte("interface=eth0")) {
			t.Error("found what isn't there")
		}
	})
}
