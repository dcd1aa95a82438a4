package ifup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/lockfile"
	"github.com/tapbond/tapbond/internal/rundir"
)

// Two that bring bonds up or down at the same time would each plan by what the
// other is about to change. So they take turns, in each network namespace.

const (
	// turnQuiet is how long the other one is waited for without a word.
	turnQuiet = time.Second
	turnAgain = 20 * time.Millisecond
)

// Turn waits until no other process has its turn in the network namespace of the
// calling thread; others wait from then on until done is called. After a second
// waiting is told who has it. What a process runs that has its turn doesn't wait
// for it. An error is ctx's end, or that the run directory can't be written to.
func Turn(ctx context.Context, waiting func(who string)) (done func(), err error) {
	path, err := turnFile()
	if err != nil {
		return nil, err
	}
	quiet := time.NewTimer(turnQuiet)
	defer quiet.Stop()
	again := time.NewTicker(turnAgain)
	defer again.Stop()
	for {
		lock, err := lockfile.Take(path)
		switch {
		case err == nil:
			note(lock)
			return func() { _ = os.Remove(path); lock.Close() }, nil
		case !errors.Is(err, lockfile.ErrHeld):
			return nil, err
		}
		holder := whose(path)
		if holder.above(os.Getppid()) {
			return func() {}, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("gave up waiting for %s: %w", holder, ctx.Err())
		case <-quiet.C:
			waiting(holder.String())
		case <-again.C:
		}
	}
}

// turnFile is beside the namespace's folder, which comes and goes with its daemon.
func turnFile() (string, error) {
	dir, err := control.Dir()
	if err != nil {
		return "", err
	}
	return dir + ".ifup", rundir.Make(filepath.Dir(dir))
}

// note writes into the lock whose it is.
func note(lock *os.File) {
	pid := os.Getpid()
	_ = lock.Truncate(0)
	_, _ = fmt.Fprintf(lock, "%d %s\n", pid, lookAt(pid).start)
}

// holder is a process that has its turn; by its start it is known from another
// one of the same number. The zero holder is one that has not said who it is.
type holder struct {
	pid   int
	start string // clock ticks since the machine's start
}

func whose(path string) holder {
	text, err := os.ReadFile(path)
	words := strings.Fields(string(text))
	if err != nil || len(words) != 2 {
		return holder{}
	}
	pid, err := strconv.Atoi(words[0])
	if err != nil {
		return holder{}
	}
	return holder{pid, words[1]}
}

// above reports whether the holder is process pid or an ancestor of it.
func (h holder) above(pid int) bool {
	for pid > 0 && h.pid > 0 {
		p := lookAt(pid)
		if pid == h.pid {
			return p.start == h.start
		}
		pid = p.parent
	}
	return false
}

// String is its command line, for a message.
func (h holder) String() string {
	if h.pid == 0 || lookAt(h.pid).start != h.start {
		return "another one" // unknown, or of another PID namespace
	}
	words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.pid))
	text := strings.TrimSpace(strings.ReplaceAll(string(words), "\x00", " "))
	return fmt.Sprintf("%q (process %d)", text, h.pid)
}

// process is what /proc says of one; the zero process is not there.
type process struct {
	parent int
	start  string
}

func lookAt(pid int) process {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}
	}
	// Words are numbered as in proc_pid_stat(5). The second is the program's name in
	// brackets, with anything in it.
	words := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(words) < 22-2 {
		return process{}
	}
	parent, _ := strconv.Atoi(words[4-3])
	return process{parent, words[22-3]}
}
