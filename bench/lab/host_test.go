package lab_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
)

// netnsOf is the calling thread's network namespace.
func netnsOf(t *testing.T) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestDo(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	home := netnsOf(t)
	var inA, inB string
	failure := errors.New("from inside")
	if err := l.A.Do(func() error { inA = netnsOf(t); return failure }); !errors.Is(err, failure) {
		t.Errorf("error %v: want that of the function", err)
	}
	err := l.A.Do(func() error {
		return l.B.Do(func() error { inB = netnsOf(t); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	if inA == home || inB == home || inA == inB {
		t.Errorf("namespaces: own %s, A %s, B %s: want three", home, inA, inB)
	}
	if got := netnsOf(t); got != home {
		t.Errorf("back in %s: want %s", got, home)
	}
	// A goroutine that ends inside still leaves its thread where it was.
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if got := netnsOf(t); got != home {
				t.Errorf("ended in %s: want %s", got, home)
			}
		}()
		l.A.Do(func() error { runtime.Goexit(); return nil })
	}()
	<-done
}

func TestCommandRunsInside(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	var want string
	l.B.Do(func() error { want = netnsOf(t); return nil })
	for name, run := range map[string]func(*lab.Cmd) ([]byte, error){
		"Output":         (*lab.Cmd).Output,
		"CombinedOutput": (*lab.Cmd).CombinedOutput,
		"Run": func(c *lab.Cmd) ([]byte, error) {
			var out strings.Builder
			c.Stdout = &out
			err := c.Run()
			return []byte(out.String()), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(l.B.Command(t.Context(), "readlink", "/proc/self/ns/net"))
			if got := strings.TrimSpace(string(out)); err != nil || got != want {
				t.Errorf("ran in %s (%v): want %s", got, err, want)
			}
		})
	}
}

func TestProcess(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	const script = `trap 'echo bye; exit 3' TERM; echo starting; echo "ready $WORD" >&2; while :; do sleep 0.05; done`
	p, err := l.Start(ctx, l.A, "sh", []string{"-c", script}, []string{"WORD=now"})
	if err != nil {
		t.Fatal(err)
	}
	if line, err := p.WaitLine(ctx, "ready"); err != nil || line != "ready now" {
		t.Fatalf("line %q, %v", line, err)
	}
	if line, err := p.WaitLine(ctx, "starting"); err != nil || line != "starting" {
		t.Errorf("earlier line %q, %v", line, err)
	}
	pids, err := l.A.Processes()
	if err != nil || len(pids) == 0 || pids[0] != p.PID() {
		t.Errorf("processes in A: %v, %v: want %d first", pids, err, p.PID())
	}
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(ctx); err == nil || err.Error() != "exit status 3" {
		t.Errorf("end: %v: want exit status 3", err)
	}
	if got := p.Output(); got != "starting\nready now\nbye" {
		t.Errorf("output %q", got)
	}
	if _, err := p.WaitLine(ctx, "never"); err == nil || !strings.Contains(err.Error(), "bye") {
		t.Errorf("waiting for a line after the end: %v: want the output in the error", err)
	}
	if err := p.Stop(ctx); err != nil {
		t.Errorf("stopping again: %v", err)
	}
}

func TestProcessThatWontEnd(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	p, err := l.Start(t.Context(), l.A, "sh", []string{"-c", `trap '' TERM; echo up; while :; do sleep 0.05; done`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitLine(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v: want %v", err, context.DeadlineExceeded)
	}
	if err := unix.Kill(p.PID(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("still there: %v", err)
	}
}

// Close kills what runs in the lab, children that left their group included.
func TestCloseKills(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	p, err := l.Start(t.Context(), l.B, "sh", []string{"-c", `setsid sleep 1000 & echo child $!; sleep 1000`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitLine(t.Context(), "child"); err != nil {
		t.Fatal(err)
	}
	path := l.B.Path()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	pids, err := l.B.Processes()
	if err != nil || len(pids) < 2 {
		t.Fatalf("processes in B: %v, %v: want two", pids, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) && !zombie(pid) {
			t.Errorf("process %d outlived the lab: %v", pid, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestStartMissingProgram(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	if _, err := l.Start(t.Context(), l.A, "/no/such/program", nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v: want %v", err, os.ErrNotExist)
	}
}
