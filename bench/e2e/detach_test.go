package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

// Whatever a command was run in, the daemon that it starts has nothing of it.
func TestADaemonHasNothingOfItsStarter(t *testing.T) {
	waits(t)
	b := newBed(t, lab.Topology{Slaves: 1})
	lock := t.TempDir() + "/lock"
	script := fmt.Sprintf(`exec 9>%s; flock -n 9 || exit 1; exec 7</dev/null
		umask 0; ulimit -Sf 100; ulimit -St 1000; ulimit -Sn 64
		echo 500 >/proc/self/oom_score_adj
		exec nice -n 5 taskset 1 %s ip link add bond0 type bond`, lock, binary)
	cmd := b.lab.A.Command(t.Context(), "sh", "-c", script)
	cmd.Env = append(os.Environ(), "SECRET=hidden", "LD_LIBRARY_PATH=/nowhere")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pids, err := b.lab.A.Processes()
	if err != nil || len(pids) != 1 {
		t.Fatalf("processes %v: %v", pids, err)
	}
	proc := fmt.Sprintf("/proc/%d/", pids[0])
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(proc + name)
		b.must(err)
		return string(text)
	}
	if got := read("comm"); got != "tapbond\n" {
		t.Errorf("it is called %q", got)
	}
	if env := read("environ"); strings.Contains(env, "hidden") || strings.Contains(env, "LD_") {
		t.Errorf("environment %q", env)
	}
	for _, line := range []string{"Umask:\t0022", "NoNewPrivs:\t0"} {
		if !strings.Contains(read("status"), line+"\n") {
			t.Errorf("not in its status: %q", line)
		}
	}
	if got := read("oom_score_adj"); got != "0\n" {
		t.Errorf("oom_score_adj %q", got)
	}
	for _, limit := range []struct {
		resource int
		inherits uint64
	}{{unix.RLIMIT_FSIZE, 100 * 512}, {unix.RLIMIT_CPU, 1000}, {unix.RLIMIT_NOFILE, 64}} {
		var first, its unix.Rlimit
		b.must(unix.Prlimit(1, limit.resource, nil, &first))
		b.must(unix.Prlimit(pids[0], limit.resource, nil, &its))
		if its.Cur <= limit.inherits {
			t.Errorf("limit %d is %+v, of the first process %+v", limit.resource, its, first)
		}
	}
	var cpus, ours unix.CPUSet
	b.must(unix.SchedGetaffinity(pids[0], &cpus))
	b.must(unix.SchedGetaffinity(0, &ours))
	if cpus.Count() < ours.Count() {
		t.Errorf("%d processors", cpus.Count())
	}
	// The main thread is no worker's and has the usual priority.
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, pids[0]); err != nil || 20-n > 0 {
		t.Errorf("niceness %d: %v", 20-n, err)
	}
	fds, err := os.ReadDir(proc + "fd")
	b.must(err)
	for _, fd := range fds {
		if to, _ := os.Readlink(proc + "fd/" + fd.Name()); to == lock || to == "/dev/null" && fd.Name() == "7" {
			t.Errorf("descriptor %s is %s", fd.Name(), to)
		}
	}
	if out, err := b.lab.A.Command(t.Context(), "flock", "-n", lock, "true").CombinedOutput(); err != nil {
		t.Errorf("the shell's lock is locked: %v %s", err, out)
	}
	if out, err := b.tapbond("ip", "link", "del", "bond0"); err != nil {
		t.Errorf("%v %s", err, out)
	}
}
