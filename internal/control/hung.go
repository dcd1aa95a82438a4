package control

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// HungError says that a server holds the namespace's socket but does not answer.
type HungError struct {
	PID     int // 0 where it is not known
	Stopped bool
	Waited  time.Duration
}

func (e *HungError) Error() string {
	who := "the daemon"
	if e.PID > 0 {
		who = fmt.Sprintf("the daemon (pid %d)", e.PID)
	}
	if e.Stopped {
		return fmt.Sprintf("%s is stopped; resume it: kill -CONT %d", who, e.PID)
	}
	return fmt.Sprintf("%s did not answer within %v", who, e.Waited)
}

// Unwrap returns what a system call would answer.
func (e *HungError) Unwrap() error { return unix.ETIMEDOUT }

// stopGrace is how long a stopped server may take to be resumed.
const stopGrace = 250 * time.Millisecond

// refuseStopped returns a HungError if the process at the other end of a new
// connection is stopped and stays so: the kernel accepts connections for it, and
// nobody would ever answer.
func refuseStopped(conn *net.UnixConn) error {
	pid := peerOf(conn).pid
	for until := time.Now().Add(stopGrace); stopped(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			return &HungError{PID: pid, Stopped: true}
		}
	}
	return nil
}

// stopped reports whether a process was stopped by a signal. One that is traced
// is not: a tracer stops it for moments only.
func stopped(pid int) bool {
	if pid <= 0 {
		return false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	i := bytes.LastIndexByte(text, ')') // the name before it may hold anything
	return i >= 0 && len(text) > i+2 && text[i+2] == 'T'
}
