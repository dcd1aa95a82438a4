package tree

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Host is where the real files are.
type Host struct {
	Sys  string // usually /sys
	Proc string // usually /proc
}

// ThisNamespace is a Host that shows the calling thread's network namespace,
// wherever its /sys may be from: it has a mount of its own that nobody else
// sees. Where the caller may not mount that, it is what /sys shows.
func ThisNamespace() Host {
	h := Host{Sys: "/sys", Proc: "/proc"}
	fd, err := unix.Fsopen("sysfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return h
	}
	defer unix.Close(fd)
	if err := unix.FsconfigCreate(fd); err != nil {
		return h
	}
	mount, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return h
	}
	h.Sys = fmt.Sprintf("/proc/self/fd/%d", mount) // as long as the process lives
	return h
}

func (h Host) netClass() string { return filepath.Join(h.Sys, "class/net") }

func (h Host) has(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (h Host) stat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

// names are those in a folder, none if it isn't there: devices come and go.
func (h Host) names(path string) []string {
	d, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	return names
}

// maxFile bounds what is read of a file of the kernel's.
const maxFile = 1 << 16

func (h Host) read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(text), err
}

func (h Host) write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func (h Host) readlink(path string) (string, error) { return os.Readlink(path) }
