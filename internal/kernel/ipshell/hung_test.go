package ipshell

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/labtest"
)

// runHung gives a shell whose daemon is stopped a command line.
func runHung(t *testing.T, stdin string, connects *int, args ...string) (status int, out, errs string) {
	t.Helper()
	real, err := installed.Find("ip")
	if err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	s := &Shell{
		Stdin: strings.NewReader(stdin), Stdout: &o, Stderr: &e, Real: real,
		Connect: func(context.Context) (Client, error) {
			*connects++
			return nil, &control.HungError{PID: 7, Stopped: true}
		},
		Start: func(context.Context) error { return errors.New("nothing to start") },
	}
	status = s.Run(t.Context(), args)
	return status, o.String(), e.String()
}

// With a daemon that does not answer, ip works as the installed one does, and
// refuses what only the daemon can do.
func TestDaemonThatDoesNotAnswer(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		checkHung(t)
	})
}

func checkHung(t *testing.T) {
	const note = "tapbond ip: the daemon (pid 7) is stopped; resume it: kill -CONT 7"
	for _, line := range []string{
		"-br link show", "-d -j link show", "addr", "link set eth1 up", "link set eth1 mtu 1400", "link set eth1 master br0", "link set eth1 nomaster",
		"link add d0 type bridge", "link set lo down", "link del d0",
	} {
		connects := 0
		status, out, errs := runHung(t, "", &connects, strings.Fields(line)...)
		if status != 0 || connects != 1 || strings.Count(errs, note) > 1 || !strings.HasPrefix(line, "link add") && !strings.Contains(errs, note) {
			t.Errorf("ip %s: %d, asked %d times: %q", line, status, connects, errs)
		}
		if want, err := exec.Command("ip", strings.Fields(line)...).Output(); strings.Contains(line, "show") && (err != nil || out != string(want)) {
			t.Errorf("ip %s: %q, want %q", line, out, want)
		}
	}
	for _, line := range []string{
		"link set eth1 master bond0", "link set eth0 nomaster", "link set bond0 type bond miimon 100", "link set eth0 type bond_slave prio 1",
		"link set bond0 mtu 1400", "link set bond0 address 02:00:00:00:00:77", "link add bond1 type bond", "link xstats type bond",
	} {
		connects := 0
		if status, _, errs := runHung(t, "", &connects, strings.Fields(line)...); status != exitKernel || !strings.Contains(errs, note) {
			t.Errorf("ip %s: %d %q", line, status, errs)
		}
	}
	connects := 0
	status, _, errs := runHung(t, strings.Repeat("link set lo up\n", 20), &connects, "-batch", "-")
	if status != 0 || connects != 1 || strings.Count(errs, note) != 1 {
		t.Errorf("a batch: %d, asked %d times: %q", status, connects, errs)
	}
}

// A daemon that is resumed is noticed, and one that still hangs is said once.
func TestDaemonThatIsResumed(t *testing.T) {
	var b bytes.Buffer
	hangs := true
	s := &Shell{Stderr: &b, Connect: func(context.Context) (Client, error) {
		if hangs {
			return nil, &control.HungError{PID: 7, Stopped: true}
		}
		return oneBond(), nil
	}}
	for range 3 {
		s.hungAt = time.Time{} // long ago
		if p, err := s.look(t.Context()); err != nil || p.hung == nil {
			t.Fatalf("%+v %v", p, err)
		}
	}
	if n := strings.Count(b.String(), "is stopped"); n != 1 {
		t.Errorf("said %d times", n)
	}
	hangs, s.hungAt = false, time.Time{}
	if p, err := s.look(t.Context()); err != nil || p.hung != nil || len(p.bonds) != 1 {
		t.Errorf("%+v %v", p, err)
	}
}

// slow is a daemon that answers pings but not questions.
type slow struct{ *fake }

func (slow) Bonds(ctx context.Context) ([]bond.State, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestDaemonThatIsSlow(t *testing.T) {
	real, err := installed.Find("ip")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s := &Shell{
		Stdin: strings.NewReader(""), Stdout: &b, Stderr: &b, Real: real,
		Connect: func(context.Context) (Client, error) { return slow{oneBond()}, nil },
	}
	began := time.Now()
	if status := s.Run(t.Context(), []string{"-br", "link", "show"}); status != 0 || time.Since(began) > lookLimit+2*time.Second || !strings.Contains(b.String(), "did not answer within 2s") {
		t.Errorf("%d after %v: %s", status, time.Since(began), b.String())
	}
}
