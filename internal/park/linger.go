package park

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// rush: a reader that finds nothing again so soon after the time before is
	// woken for every frame or two, and each sleep costs more than the frame it
	// ends with. Super-frames take longer than that, and are worth a sleep.
	rush = 10 * time.Microsecond
	// yields is how often others are let run before a sleep. It is they who
	// send, and where they share our processor frames gather meanwhile.
	yields = 3
)

// nap, for senders that have a processor of their own, is as short as the
// timer makes it: frames gather during the kernel's timer slack, 50 µs.
var nap = unix.Timespec{Nsec: 1}

var start = time.Now()

// linger spends a moment before the reader goes to sleep, if it is woken too
// often, and reports whether it is worth looking again. The system calls are
// raw: the goroutine keeps its processor, and the scheduler has nothing to do.
func (f *File) linger() bool {
	now := time.Since(start)
	rushed := now-f.empty < rush
	f.empty = now
	f.tries++
	switch {
	case !rushed && f.tries == 1:
		return false
	case f.tries <= yields:
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		return true
	case f.tries == yields+1:
		unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
		return true
	}
	return false
}
