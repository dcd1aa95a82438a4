package control

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Root is the directory all sockets are under. TAPBOND_RUN moves it, for those
// who can't write to /run.
func Root() string {
	if dir := os.Getenv("TAPBOND_RUN"); dir != "" {
		return dir
	}
	return "/run/tapbond"
}

// Dir returns the directory of the network namespace the caller is in. The
// namespace's cookie names it: unlike an inode number it is never used again
// while the machine runs.
func Dir() (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return "", fmt.Errorf("network namespace cookie (needs Linux 5.14): %w", err)
	}
	return filepath.Join(Root(), fmt.Sprintf("ns-%d", cookie)), nil
}

// socketName is the control socket in a namespace's directory.
const socketName = "control.sock"

// lockName is the lock there of who serves the namespace.
const lockName = "lock"
