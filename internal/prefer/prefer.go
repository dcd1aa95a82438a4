// Package prefer puts what must not wait before the programs whose frames a
// bond carries: noticing a lost carrier, and acting on it. The workers are not
// preferred: one that takes the processor from a sender at each frame finds
// each frame alone (docs/performance.md).
package prefer

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// niceness, from -20 to 19, lower is preferred.
const niceness = -10

// Goroutine gives the calling goroutine a thread of its own until it ends, one
// that is preferred if the process may do that.
func Goroutine() {
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness) // not permitted: then not
}
