package daemon

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A daemon that a command starts is a child of whatever that command runs in: a
// shell with its limits and locks, a login session, a job of cron. A service manager
// would start it with none of that.

// readyFD is the descriptor that the starter gives.
const readyFD = 3

// environment is what a daemon gets of its starter's variables, which may be secret
// or change what it does.
func environment(vars []string) []string {
	var out []string
	for _, v := range vars {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case name == "PATH", name == "TZ", strings.HasPrefix(name, "GO"):
		case strings.HasPrefix(name, "TAPBOND_") && name != "TAPBOND_HANDED":
		default:
			continue
		}
		out = append(out, v)
	}
	return append(out, readyVar+"="+strconv.Itoa(readyFD))
}

// Detach frees a daemon that a command started from what it inherited, as far as it
// may. It must come first: threads begin as the one was that made them.
func Detach() {
	if os.Getenv(readyVar) != strconv.Itoa(readyFD) {
		return // started by a service manager, or by hand
	}
	_, _ = unix.FcntlInt(readyFD, unix.F_SETFD, unix.FD_CLOEXEC)
	closeInherited()
	unix.Umask(0o022)
	resetLimits()
	write("/proc/self/oom_score_adj", "0")
	leaveSession("/proc/self/cgroup", "/sys/fs/cgroup")
	resetThreads()
}

// closeInherited closes the descriptors that survived the exec. Ours close at one.
func closeInherited() {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range list {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}

// resetLimits gives the process the limits of the first one, or raises what it may.
func resetLimits() {
	for _, r := range []int{
		unix.RLIMIT_AS, unix.RLIMIT_CPU, unix.RLIMIT_DATA, unix.RLIMIT_FSIZE, unix.RLIMIT_LOCKS, unix.RLIMIT_MEMLOCK, unix.RLIMIT_MSGQUEUE,
		unix.RLIMIT_NICE, unix.RLIMIT_NOFILE, unix.RLIMIT_NPROC, unix.RLIMIT_RSS, unix.RLIMIT_RTPRIO, unix.RLIMIT_RTTIME, unix.RLIMIT_SIGPENDING, unix.RLIMIT_STACK,
	} {
		var first, own unix.Rlimit
		if unix.Prlimit(1, r, nil, &first) == nil && unix.Prlimit(0, r, &first, nil) == nil {
			continue
		}
		if unix.Prlimit(0, r, nil, &own) == nil {
			own.Cur = own.Max
			_ = unix.Prlimit(0, r, &own, nil)
		}
	}
	// It opens some descriptors for each slave.
	var files unix.Rlimit
	if unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &files) == nil {
		files.Cur = files.Max
		_ = unix.Prlimit(0, unix.RLIMIT_NOFILE, &files, nil)
	}
}

// resetThreads gives each thread the program's name, the usual priority, and all
// processors.
func resetThreads() {
	list, _ := os.ReadDir("/proc/self/task")
	var all unix.CPUSet
	for cpu := range len(all) * 64 {
		all.Set(cpu)
	}
	for _, e := range list {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		write(filepath.Join("/proc/self/task", e.Name(), "comm"), "tapbond")
		_ = unix.Setpriority(unix.PRIO_PROCESS, id, 0)
		if a, err := unix.SchedGetAttr(id, 0); err == nil {
			a.Policy, a.Priority, a.Nice = unix.SCHED_NORMAL, 0, 0
			_ = unix.SchedSetAttr(id, a, 0)
		}
		_ = unix.SchedSetaffinity(id, &all)
	}
	runtime.SetDefaultGOMAXPROCS()
}

// leaveSession moves the process from the control groups of a login session, which
// ends before the bonds do, to the top. Others, a container's, stay.
func leaveSession(groups, root string) {
	text, err := os.ReadFile(groups)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // number, controllers, path
		if len(f) != 3 || !strings.HasPrefix(f[2], "/user.slice/") {
			continue
		}
		dir := filepath.Join(root, strings.TrimPrefix(f[1], "name="))
		if f[1] == "" {
			if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
				dir = filepath.Join(root, "unified")
			}
		}
		write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(os.Getpid()))
	}
}

// write writes to a file of the kernel's. What isn't permitted stays as it is.
func write(path, text string) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = f.WriteString(text)
	f.Close()
}
