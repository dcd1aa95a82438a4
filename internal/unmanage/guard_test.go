package unmanage

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// guarded is a Guard with a bus and folders of the test's own.
func guarded(t *testing.T) (g *Guard, address, run string) {
	t.Helper()
	address, run = startBus(t), t.TempDir()
	g, err := newGuard(settings{run: run, bus: address})
	if err != nil {
		t.Fatal(err)
	}
	return g, address, run
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func noErrors(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		t.Error(err)
	}
}

// A manager that runs here leaves the NIC, and has it back afterwards.
func TestHoldAndFree(t *testing.T) {
	for name, start := range map[string]func(*testing.T, string, string) *program{
		"NetworkManager": networkManager, "systemd-networkd": networkd,
	} {
		t.Run(name, func(t *testing.T) {
			g, address, run := guarded(t)
			if got := g.Look(t.Context(), "eth0"); len(got) > 0 {
				t.Fatalf("nobody runs, but %v", got)
			}
			p := start(t, address, run)
			h := Held{NIC: "eth0", Managers: g.Look(t.Context(), "eth0")}
			if d := cmp.Diff([]string{name}, h.Managers); d != "" {
				t.Fatal(d)
			}
			noErrors(t, g.Hold(t.Context(), h))
			if p.has("eth0") || !p.has("eth1") {
				t.Errorf("held eth0: it has eth0 %v, eth1 %v", p.has("eth0"), p.has("eth1"))
			}
			noErrors(t, g.Hold(t.Context(), h)) // once more: another process took over
			other := Held{NIC: "eth7", Managers: h.Managers}
			noErrors(t, g.Hold(t.Context(), other)) // a NIC that it doesn't know
			reloads := p.read()
			noErrors(t, g.Free(t.Context(), h, other))
			if !p.has("eth0") || len(files(t, p.dir)) > 0 {
				t.Errorf("freed: it has eth0 %v, files %v", p.has("eth0"), files(t, p.dir))
			}
			if n := p.read() - reloads; n != 1 {
				t.Errorf("%d reloads for two NICs", n)
			}
		})
	}
}

// Where another file says that NetworkManager has the NIC, it is told by
// request, and that is undone too, also by another process.
func TestOtherFilesSayOtherwise(t *testing.T) {
	t.Parallel()
	g, address, run := guarded(t)
	p := networkManager(t, address, run)
	p.become(func() { p.stubborn = true })
	h := Held{NIC: "eth1", Managers: []string{"NetworkManager"}}
	for range 2 {
		noErrors(t, g.Hold(t.Context(), h))
		if p.has("eth1") {
			t.Fatal("NetworkManager still has eth1")
		}
	}
	later, err := newGuard(settings{run: run, bus: address})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, later.Free(t.Context(), h))
	if !p.has("eth1") || len(files(t, p.dir)) > 0 {
		t.Errorf("freed: it has eth1 %v, files %v", p.has("eth1"), files(t, p.dir))
	}
}

// networkd isn't root, and we may be started with any umask.
func TestFilesAreReadable(t *testing.T) {
	g, address, run := guarded(t)
	p := networkd(t, address, run)
	was := unix.Umask(0o077)
	defer unix.Umask(was)
	noErrors(t, g.Hold(t.Context(), Held{NIC: "eth0", Managers: []string{"systemd-networkd"}}))
	for path, want := range map[string]os.FileMode{
		filepath.Join(p.dir, "0-tapbond-eth0.network"): 0o644, p.dir: 0o755, filepath.Dir(p.dir): 0o755,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// systemd-networkd has no such request: what it doesn't do is told.
func TestNetworkdKeepsIt(t *testing.T) {
	t.Parallel()
	g, address, run := guarded(t)
	p := networkd(t, address, run)
	p.become(func() { p.stubborn = true })
	errs := g.Hold(t.Context(), Held{NIC: "eth0", Managers: []string{"systemd-networkd"}})
	if len(errs) != 1 || !errors.Is(errs[0], errStill) || !strings.HasPrefix(errs[0].Error(), "systemd-networkd: ") {
		t.Errorf("answered %v", errs)
	}
}

// A manager that gives no answer costs two seconds once, and is left out for a
// while; its file is there when it reads again.
func TestSilentManager(t *testing.T) {
	t.Parallel()
	g, address, run := guarded(t)
	p := networkManager(t, address, run)
	p.become(func() { p.stuck = make(chan struct{}) })
	h := Held{NIC: "eth0", Managers: []string{"NetworkManager"}}
	for i, limit := range []time.Duration{2 * patience, patience / 2} {
		begin := time.Now()
		errs := g.Hold(t.Context(), h)
		if took := time.Since(begin); len(errs) != 1 || !errors.Is(errs[0], errSilent) || took > limit {
			t.Errorf("call %d took %v: %v", i, took, errs)
		}
	}
	if d := cmp.Diff([]string{"90-tapbond-eth0.conf"}, files(t, p.dir)); d != "" {
		t.Error(d)
	}
	errs := g.Free(t.Context(), h)
	if len(errs) != 1 || len(files(t, p.dir)) > 0 {
		t.Errorf("freed: %v, files %v", errs, files(t, p.dir))
	}
	close(p.stuck)
}

// A bus that takes connections and says nothing costs two seconds, once, and
// isn't dhcpcd's affair.
func TestSilentBus(t *testing.T) {
	t.Parallel()
	run := t.TempDir()
	path := filepath.Join(run, "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g, err := newGuard(settings{run: run, bus: "unix:path=" + path})
	if err != nil {
		t.Fatal(err)
	}
	d := startDhcpcd(t, run, false, "eth0")
	for i, limit := range []time.Duration{2 * patience, patience / 2} {
		begin := time.Now()
		if got := g.Look(t.Context(), "eth0"); !slices.Equal(got, []string{"dhcpcd"}) {
			t.Errorf("%v run", got)
		}
		if took := time.Since(begin); took > limit {
			t.Errorf("look %d took %v", i, took)
		}
	}
	noErrors(t, g.Hold(t.Context(), Held{NIC: "eth0", Managers: []string{"dhcpcd"}}))
	if got := d.nics(); len(got) > 0 {
		t.Errorf("dhcpcd has %v", got)
	}
}

// What a process left is swept, but for what is still wanted, and never what
// isn't ours.
func TestSweep(t *testing.T) {
	g, address, run := guarded(t)
	p := networkd(t, address, run)
	theirs := filepath.Join(p.dir, "50-all.network")
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(theirs, []byte("[Match]\nType=ether\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, nic := range []string{"eth0", "eth1", "eth2"} {
		noErrors(t, g.Hold(t.Context(), Held{NIC: nic, Managers: []string{"systemd-networkd"}}))
	}
	noErrors(t, g.Sweep(t.Context(), []string{"eth1"}))
	if d := cmp.Diff([]string{"0-tapbond-eth1.network", "50-all.network"}, files(t, p.dir)); d != "" {
		t.Error(d)
	}
	if !p.has("eth0") || p.has("eth1") {
		t.Errorf("it has eth0 %v, eth1 %v", p.has("eth0"), p.has("eth1"))
	}
}

// A manager of another network namespace has other NICs, though its bus can be
// reached from here: it isn't told, and its files are left alone.
func TestOtherNamespace(t *testing.T) {
	address, run := startBus(t), t.TempDir()
	p := networkManager(t, address, run) // runs in this process's namespace
	home, err := newGuard(settings{run: run, bus: address})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, home.Hold(t.Context(), Held{NIC: "eth0", Managers: []string{"NetworkManager"}}))
	away, err := newGuard(settings{run: run, bus: address})
	if err != nil {
		t.Fatal(err)
	}
	away.netns.Ino++ // that of nobody
	if got := away.Look(t.Context(), "eth0"); len(got) > 0 {
		t.Errorf("%v runs in another namespace", got)
	}
	noErrors(t, away.Sweep(t.Context(), nil))
	if p.has("eth0") || !slices.Equal(files(t, p.dir), []string{"90-tapbond-eth0.conf"}) {
		t.Errorf("swept from another namespace: %v", files(t, p.dir))
	}
}

// A name that would mean something else in a file is refused.
func TestNamesThatCannotBeWritten(t *testing.T) {
	g, address, run := guarded(t)
	p := networkManager(t, address, run)
	for _, nic := range []string{"eth*", "a;b", "a,b", `a\b`, "[x]", "a\nb", ""} {
		if errs := g.Hold(t.Context(), Held{NIC: nic, Managers: []string{"NetworkManager"}}); len(errs) != 1 {
			t.Errorf("%q: %v", nic, errs)
		}
	}
	if got := files(t, p.dir); len(got) > 0 {
		t.Errorf("files %v", got)
	}
}

// Where systemd starts things, a manager that is installed and doesn't run yet
// finds the file when it starts; where it isn't to run, nothing is written.
func TestManagerThatIsYetToStart(t *testing.T) {
	run := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		systemd  bool
		here     bool // pid 1 is in this network namespace
		program  string
		expected bool
	}{
		{"no systemd", false, true, self, false},
		{"not installed", true, true, filepath.Join(run, "nothing"), false},
		{"another namespace", true, false, self, false},
		{"yet to start", true, true, self, true},
	} {
		if test.systemd {
			if err := os.MkdirAll(filepath.Join(run, systemdRuns), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		b := &bus{address: "unix:path=" + filepath.Join(run, "no-bus"), here: func(int) bool { return test.here }}
		d, ok := newNetworkd(run, b).(*dropin)
		if !ok {
			t.Fatal("not by files")
		}
		d.programs = []string{test.program}
		if got := d.has(t.Context(), "eth0"); got != test.expected {
			t.Errorf("%s: has the NIC: %v", test.name, got)
			continue
		}
		if !test.expected {
			continue
		}
		if err := d.hold(t.Context(), "eth0"); err != nil {
			t.Error(err)
		}
		p := networkd(t, startBus(t), run)
		p.reload()
		if p.has("eth0") {
			t.Error("it was started and has eth0")
		}
		if err := d.free(t.Context(), []string{"eth0"}); err != nil {
			t.Error(err)
		}
		if got := files(t, p.dir); len(got) > 0 {
			t.Errorf("files %v", got)
		}
	}
}
