package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// No command waits for a stopped daemon, ip works as the installed one, and once
// the daemon is resumed everything is as it was.
func TestStoppedDaemon(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	before := s.state()
	pid := s.client.ServerPID()
	s.must(syscall.Kill(pid, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	for _, c := range []struct {
		line string
		ok   bool
		says string
	}{
		{"ip -br link show bond0", true, "bond0            UP"},
		{"ip link set lo up", true, "is stopped; resume it: kill -CONT"},
		{"ip link set eth0 nomaster", false, "eth0: nothing was changed"},
		{"ip link set bond0 mtu 1400", false, "bond0: nothing was changed"},
		{"show", false, "bond0: active-backup, health unknown: the daemon does not answer"},
		{"show bond0 -j", false, "is stopped; resume it"},
		{"events -f", false, "is stopped; resume it"},
		{"set bond0 miimon 50", false, "is stopped; resume it"},
		{"file bond0 mode", false, "is stopped; resume it"},
		{"explain slave eth0", false, "is stopped; resume it"},
		{"ifenslave -d bond0 eth0", false, "is stopped; resume it"},
		{"modprobe -r bonding", false, "is stopped; resume it"},
		{"run bond1", false, "is stopped; resume it"},
		{"cleanup", false, "kill -9 and run `tapbond cleanup` again"},
	} {
		began := time.Now()
		out, err := s.tapbond(strings.Fields(c.line)...)
		if took := time.Since(began); (err == nil) != c.ok || !strings.Contains(out, c.says) || took > 5*time.Second {
			t.Errorf("tapbond %s: %v after %v: %s", c.line, err, took, out)
		}
	}
	s.must(syscall.Kill(pid, syscall.SIGCONT))
	s.must(s.client.Sync(t.Context()))
	if after := s.state(); after.MTU != before.MTU || after.Settings["miimon"] != "100" || len(after.Slaves) != 2 {
		t.Errorf("something has changed: %+v", after)
	}
	s.down()
	s.clean()
}

// A daemon whose last bond went makes room for another at once, and what has no
// bonds says so the same way all the time.
func TestIdleDaemonHandsOver(t *testing.T) {
	waits(t)
	b := newBed(t, lab.Topology{Slaves: 1})
	b.must(b.lab.A.QuietIPv6())
	none := func(when string) {
		t.Helper()
		for args, want := range map[string]string{"show": "no bonds in this network namespace\n", "show -j": "[]\n"} {
			if out, err := b.tapbond(strings.Fields(args)...); err != nil || out != want {
				t.Errorf("%s: tapbond %s: %v %q", when, args, err, out)
			}
		}
		if out, err := b.tapbond("show", "bond0"); err == nil || !strings.Contains(out, "bond bond0 does not exist") {
			t.Errorf("%s: show bond0: %v %q", when, err, out)
		}
	}
	none("before")
	for _, line := range []string{"ip link add bond0 type bond", "delete bond0"} {
		if out, err := b.tapbond(strings.Fields(line)...); err != nil {
			t.Fatalf("tapbond %s: %v %s", line, err, out)
		}
	}
	none("right after the last bond went")
	began := time.Now()
	b.begin("mode active-backup miimon 100")
	if took := time.Since(began); took > time.Second {
		t.Errorf("run took %v", took)
	}
	b.stop()
	none("afterwards")
}
