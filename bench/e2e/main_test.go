package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// binary is the program under test, built once, with the race detector if the
// tests have it.
var binary string

// The process's main thread must never enter a namespace of a test: its namespace is
// the process's own to others, and a thread that a test ends with can't end there.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tapbond-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tapbond")
	os.Setenv("TAPBOND_RUN", filepath.Join(dir, "run"))
	args := []string{"build", "-o", binary}
	if labtest.RaceEnabled {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else each command would take a second more
		args = append(args, "-race")
	}
	go thisMachine.watch()
	if err := turns(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if out, err := exec.Command("go", append(args, "../../cmd/tapbond")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// soak lengthens what can be as long as one likes.
var soak = os.Getenv("TAPBOND_SOAK") != ""

// pick is short, or long in a soak.
func pick[T any](short, long T) T {
	if soak {
		return long
	}
	return short
}

// bed is a lab with a bond in one of its hosts.
type bed struct {
	t    *testing.T
	lab  *lab.Lab
	host *lab.Host
	macs func(i int) net.HardwareAddr // of the host's ethI
	proc *lab.Process
	api  *control.Client // made by state
}

// start builds the lab, runs `tapbond run bond0 OPTIONS slaves eth0 …` in A
// and addresses both hosts. The bond must end cleanly with the test.
func start(t *testing.T, topology lab.Topology, options string) *bed {
	t.Helper()
	b := newBed(t, topology)
	b.launch(options)
	b.must(b.lab.AssignBoth("bond0", "eth0"))
	for _, k := range b.lab.Links() {
		b.must(k.AwaitOpen(t.Context()))
	}
	b.must(b.lab.AwaitSilence(t.Context(), 100*time.Millisecond))
	return b
}

// newBed builds a lab; nothing runs in its host A yet.
func newBed(t *testing.T, topology lab.Topology) *bed {
	t.Helper()
	l := benchtest.Build(t, topology)
	return &bed{t: t, lab: l, host: l.A, macs: lab.SlaveMAC}
}

// launch runs the program over all links and returns when its bond is there.
func (b *bed) launch(options string) {
	b.t.Helper()
	b.must(b.host.QuietIPv6()) // bond0 says nothing of its own
	b.begin(options)
	b.t.Cleanup(b.stop)
}

// begin starts the program.
func (b *bed) begin(options string) {
	b.t.Helper()
	args := append([]string{"run", "bond0"}, strings.Fields(options)...)
	args = append(args, "slaves")
	for _, k := range b.lab.Links() {
		args = append(args, k.Slave())
	}
	var err error
	// Not the test's context: that ends before the clean-up, which wants to see
	// the program end by itself.
	if b.proc, err = b.lab.Start(context.Background(), b.host, binary, args, nil); err != nil {
		b.t.Fatal(err)
	}
	b.said("is running")
}

// stop interrupts the bond and looks at what it left.
func (b *bed) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.proc.Stop(ctx); err != nil {
		b.t.Errorf("tapbond ended with %v", err)
	}
	if out := b.proc.Output(); b.t.Failed() || strings.Contains(out, "DATA RACE") || strings.Contains(out, "panic") {
		b.t.Errorf("tapbond said:\n%s", out)
	}
	if _, err := b.host.Stats("bond0"); err == nil {
		b.t.Error("bond0 is left behind")
	}
	for _, k := range b.lab.Links() {
		l, err := b.host.Handle.LinkByName(k.Slave())
		if err != nil {
			continue // a test took it away
		}
		a := l.Attrs()
		if a.HardwareAddr.String() != b.macs(k.Index()).String() || a.RawFlags&1 != 0 || a.Promisc != 0 {
			b.t.Errorf("%s is left with address %s, flags %s, promisc %d", a.Name, a.HardwareAddr, a.Flags, a.Promisc)
		}
	}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// said waits for a line of the bond's log.
func (b *bed) said(text string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.proc.WaitLine(ctx, text); err != nil {
		b.t.Fatalf("waiting for %q: %v\n%s", text, err, b.proc.Output())
	}
}

// tapbond runs a command in the bond's host and returns what it printed.
func (b *bed) tapbond(args ...string) (string, error) {
	out, err := b.host.Command(b.t.Context(), binary, args...).CombinedOutput()
	return string(out), err
}

func (b *bed) do(args ...string) {
	b.t.Helper()
	if out, err := b.tapbond(args...); err != nil {
		b.t.Fatalf("tapbond %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// state asks from this process: one more for each question would be the most of
// what a test does that waits for something.
func (b *bed) state() bond.State {
	b.t.Helper()
	if b.api == nil {
		b.must(b.host.Do(func() (err error) {
			b.api, err = control.NewClient()
			return err
		}))
	}
	st, err := b.api.Bond(b.t.Context(), "bond0")
	b.must(err)
	return st
}

// askAgain is how long a test waits before it asks a bond's state again.
const askAgain = 5 * time.Millisecond

// until polls the state for what must come about.
func (b *bed) until(what string, ok func(bond.State) bool) bond.State {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; pause(b.t, askAgain) {
		st := b.state()
		if ok(st) {
			return st
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waiting until %s: %+v", what, st)
		}
	}
}

func modes() []string {
	return []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "balance-tlb", "balance-alb"}
}
