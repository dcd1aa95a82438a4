package traffic

import (
	"time"

	"golang.org/x/sys/unix"
)

// Stamp is a time on the machine's monotonic clock (CLOCK_MONOTONIC) in
// nanoseconds. All processes of the machine share it.
type Stamp int64

// Sub is s-t.
func (s Stamp) Sub(t Stamp) time.Duration { return time.Duration(s - t) }

// origin ties the runtime's monotonic clock to the kernel's: the runtime reads
// it without a system call, but does not tell the number.
var origin = func() (o struct {
	at    time.Time
	stamp Stamp
}) {
	var ts unix.Timespec
	o.at = time.Now()
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	o.stamp = Stamp(ts.Nano())
	return o
}()

// Now is the time.
func Now() Stamp { return origin.stamp + Stamp(time.Since(origin.at)) }

// StampOf converts a time that carries a monotonic reading, as time.Now gives.
func StampOf(t time.Time) Stamp { return origin.stamp + Stamp(t.Sub(origin.at)) }

// wallOffset is what to take from a wall clock time in nanoseconds, as the
// kernel stamps received frames with, to get a Stamp.
func wallOffset() int64 {
	now := time.Now()
	return now.UnixNano() - int64(StampOf(now))
}
