// Package prefer says in which order the kernel runs our threads among those
// of the programs whose frames a bond carries. Noticing a lost carrier, and
// acting on it, must not wait. The workers can: one that takes the processor
// from a sender at each frame finds each frame alone (docs/performance.md).
package prefer

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceness, from -20 to 19, lower is preferred.
const niceness = -10

// Goroutine gives the calling goroutine a thread of its own until it ends, one
// that is preferred if the process may do that.
func Goroutine() {
	runtime.LockOSThread()
	self := unix.Gettid()
	// Also where Others was called before: a thread begins as the one was that made it.
	schedule(self, unix.SCHED_NORMAL)
	_ = unix.Setpriority(unix.PRIO_PROCESS, self, niceness) // not permitted: then not
}

// Others makes the process's threads, those to come included, such that they
// don't interrupt who runs when there is something for them (SCHED_BATCH, see
// sched(7)). They get no less of the processors. It is to be called before
// Goroutine, or takes its preference away. Programs started afterwards inherit it.
func Others() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return // and all is as usual
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			schedule(id, unix.SCHED_BATCH)
		}
	}
}

// schedule changes a thread's policy and nothing else; if it can't be it stays.
func schedule(id int, policy uint32) {
	if a, err := unix.SchedGetAttr(id, 0); err == nil {
		a.Policy = policy
		_ = unix.SchedSetAttr(id, a, 0)
	}
}
