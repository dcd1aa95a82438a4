package lockfile

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// trusted reports whether a process may administer the caller's network
// namespace: root's, the caller's own user's, or one in the user namespace that
// owns the network namespace and with CAP_NET_ADMIN there (the root of a
// container whose users are mapped).
func trusted(who *unix.Ucred) bool {
	if who.Uid == 0 || int(who.Uid) == os.Geteuid() {
		return true
	}
	return who.Pid != 0 && inOwningUsers(int(who.Pid)) && netAdmin(int(who.Pid))
}

// inOwningUsers reports whether a process is in the user namespace that owns the
// caller's network namespace.
func inOwningUsers(pid int) bool {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return false
	}
	defer own.Close()
	fd, err := unix.IoctlRetInt(int(own.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var owner, user unix.Stat_t
	return unix.Fstat(fd, &owner) == nil && unix.Stat(fmt.Sprintf("/proc/%d/ns/user", pid), &user) == nil &&
		owner.Ino == user.Ino && owner.Dev == user.Dev
}

// netAdmin reports whether a process has CAP_NET_ADMIN in its user namespace.
func netAdmin(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			return err == nil && caps&(1<<unix.CAP_NET_ADMIN) != 0
		}
	}
	return false
}
