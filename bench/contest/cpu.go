package contest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time of all of a process's threads, to the
// nanosecond (the scheduler's account; a ended thread's is not in it).
func threadTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	var sum time.Duration
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return 0, err
		}
		field, _, _ := strings.Cut(string(b), " ")
		ns, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// meter measures processor time: a contender's, and what the machine did for
// nobody of ours.
type meter struct {
	pids    []int // the contender's
	helpers []int // that belong to the measurement otherwise
	engine  time.Duration
	ours    time.Duration
	began   time.Time
	machine machineTime
}

// machineTime is the machine's since its start, all processors together.
type machineTime struct {
	busy  time.Duration // processes', ours and others'
	steal time.Duration // other machines'
}

func startMeter(pids, helpers []int) (*meter, error) {
	m := &meter{pids: pids, helpers: slices.Concat(helpers, softirqThreads()), began: time.Now()}
	var err error
	if m.engine, m.ours, m.machine, err = m.read(); err != nil {
		return nil, err
	}
	return m, nil
}

// softirqThreads are the kernel's threads that receive what the traffic's own
// processes don't get to: ours, for all that the machine does here.
var softirqThreads = sync.OnceValue(func() (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, f := range files {
		// One that has ended is none of them.
		if name, err := os.ReadFile(f); err == nil && bytes.HasPrefix(name, []byte("ksoftirqd/")) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
})

// read reads all there is to read: the contender's time, that of everything of
// ours, and the machine's.
func (m *meter) read() (engine, ours time.Duration, machine machineTime, err error) {
	if engine, err = sumTimes(m.pids); err != nil {
		return 0, 0, machine, err
	}
	helpers, err := sumTimes(m.helpers)
	if err != nil {
		return 0, 0, machine, err
	}
	own, err := ownTime()
	if err != nil {
		return 0, 0, machine, err
	}
	machine, err = readMachine()
	return engine, engine + helpers + own, machine, err
}

func sumTimes(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		t, err := threadTime(pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// ownTime is this process's, and that of the children that have ended.
func ownTime() (sum time.Duration, err error) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			return 0, fmt.Errorf("getrusage: %w", err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum, nil
}

// usage is what a meter measured.
type usage struct {
	engine time.Duration // of the contender's processes
	wall   time.Duration
	stolen float64 // processors that other machines took meanwhile
	// foreign is the number of processors that were busy with what isn't ours.
	// It is an estimate, by the clock's ticks; what is less than nothing is 0.
	foreign float64
}

func (m *meter) stop() (usage, error) {
	engine, ours, now, err := m.read()
	if err != nil {
		return usage{}, err
	}
	u := usage{engine: engine - m.engine, wall: time.Since(m.began)}
	u.stolen = (now.steal - m.machine.steal).Seconds() / u.wall.Seconds()
	u.foreign = max(0, (now.busy-m.machine.busy-(ours-m.ours)).Seconds()/u.wall.Seconds())
	return u, nil
}

const userHz = 100 // of /proc/stat, on every architecture

// readMachine reads the first line of /proc/stat.
func readMachine() (machineTime, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineTime{}, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return machineTime{}, fmt.Errorf("/proc/stat: %q", line)
	}
	tick := func(i int) time.Duration {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return time.Duration(n) * time.Second / userHz
	}
	return machineTime{busy: tick(1) + tick(2) + tick(3) + tick(6) + tick(7), steal: tick(8)}, nil
}

// foreignLoad waits and tells how many processors are busy while nothing of
// ours is: what the machine does besides.
func foreignLoad(d time.Duration) (float64, error) {
	before, err := readMachine()
	if err != nil {
		return 0, err
	}
	time.Sleep(d)
	after, err := readMachine()
	return (after.busy + after.steal - before.busy - before.steal).Seconds() / d.Seconds(), err
}
