package e2e

import (
	"flag"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Tests take turns. Those that say nothing run first, one after the other: they
// look for milliseconds, or for a single frame lost among thousands, and have the
// machine to themselves. Then all others run, so many at a time as disturb
// nobody: those that wait for what takes its time, and those that keep the
// processors busy, with what is left of them. The few that take the longest are
// just parallel: they begin first. Of tests whose subtests take turns, the
// subtests say so; subtests that are just parallel run beside each other alone.
var (
	waiters = make(chan struct{}, 4)
	workers = make(chan struct{}, 4)
)

// stragglers is how long frames are waited for of which none may be lost: whoever
// has them may get no processor for a while.
const stragglers = 2 * time.Second

// besides is the default of -parallel here: the places above are the limit.
const besides = "1000"

// turns makes room for all who wait for a place. Whoever gives -parallel has it.
func turns() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", besides)
}

// waits lets a test run beside others. It mostly waits, and what it measures
// allows for a machine that is busy.
func waits(t *testing.T) {
	t.Helper()
	t.Parallel()
	place(t, waiters)
}

// works lets a test run beside others that uses all of a processor and has
// no measure of time. It and the processes that it starts make way for the rest.
func works(t *testing.T) {
	t.Helper()
	t.Parallel()
	place(t, workers)
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 5); err != nil {
		t.Fatal(err)
	}
}

// place holds one until the test and its subtests are over.
func place(t *testing.T, places chan struct{}) {
	places <- struct{}{}
	t.Cleanup(func() { <-places })
}
