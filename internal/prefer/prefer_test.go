package prefer

import (
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
