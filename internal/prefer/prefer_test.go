package prefer

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// own is the calling thread's niceness.
func own(t *testing.T) int {
	t.Helper()
	n, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	return 20 - n // as the system call tells it
}

func TestGoroutineIsPreferredAndNobodyElse(t *testing.T) {
	before := own(t)
	got := make(chan int)
	go func() {
		Goroutine()
		got <- own(t)
	}()
	if n := <-got; n != niceness && unix.Geteuid() == 0 {
		t.Errorf("niceness %d", n)
	}
	// The thread ends with its goroutine: no other one runs there.
	for range 100 {
		go func() { got <- own(t) }()
		if n := <-got; n != before {
			t.Fatalf("another goroutine has niceness %d", n)
		}
	}
}

// policy is the calling thread's.
func policy(t *testing.T) uint32 {
	t.Helper()
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a.Policy
}

// TestOthersAreNotInARush does it to a process of its own: there is no way back.
func TestOthersAreNotInARush(t *testing.T) {
	if os.Getenv("PREFER_TEST") == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("nice", "-n", "3", self, "-test.run=^TestOthersAreNotInARush$")
		cmd.Env = append(os.Environ(), "PREFER_TEST=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	nice := own(t)
	Others()
	for range 100 {
		got := make(chan uint32)
		go func() { got <- policy(t) }()
		if p := <-got; p != unix.SCHED_BATCH {
			t.Fatalf("policy %d", p)
		}
	}
	if n := own(t); n != nice {
		t.Errorf("niceness was %d, is %d", nice, n)
	}
	first := make(chan uint32)
	go func() {
		Goroutine()
		first <- policy(t)
	}()
	if p := <-first; p != unix.SCHED_NORMAL {
		t.Errorf("preferred: policy %d", p)
	}
}
