package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one network namespace of a lab.
type Host struct {
	// Name is the namespace's name under /run/netns.
	Name string
	// Handle talks rtnetlink inside the namespace, from any goroutine.
	Handle *netlink.Handle

	ns netns.NsHandle
}

// nsDir is where named network namespaces are kept, as iproute2 does.
const nsDir = "/run/netns"

// Path is the file of the namespace, for setns or nsenter.
func (h *Host) Path() string { return filepath.Join(nsDir, h.Name) }

// Do runs fn on the calling goroutine with its OS thread inside the namespace,
// and takes the thread back afterwards. Sockets that fn opens and processes
// that it starts belong to the namespace for good; goroutines that it starts
// do not. fn may end the goroutine (t.FailNow).
func (h *Host) Do(fn func() error) error {
	return inNS(h.ns, fn)
}

func inNS(ns netns.NsHandle, fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer func() {
		back := netns.Set(home)
		home.Close()
		if back == nil {
			runtime.UnlockOSThread()
			return
		}
		// The thread stays locked and ends with its goroutine: it must not
		// carry other code into this namespace.
		err = errors.Join(err, fmt.Errorf("setns back: %w", back))
	}()
	if err := netns.Set(ns); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	return fn()
}

// Cmd is an exec.Cmd that starts inside a namespace.
type Cmd struct {
	*exec.Cmd
	host *Host
}

// Command is exec.CommandContext for a program that will run inside the
// namespace. The program sees the machine's /sys, which describes the
// caller's namespace: it must learn about links over netlink or ioctl.
func (h *Host) Command(ctx context.Context, name string, args ...string) *Cmd {
	return &Cmd{Cmd: exec.CommandContext(ctx, name, args...), host: h}
}

// Start is exec.Cmd's, inside the namespace: the child is forked from a thread
// that is there.
func (c *Cmd) Start() error { return c.host.Do(c.Cmd.Start) }

// Run is exec.Cmd's, inside the namespace.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output is exec.Cmd's, inside the namespace.
func (c *Cmd) Output() (out []byte, err error) {
	err = c.host.Do(func() error {
		out, err = c.Cmd.Output()
		return err
	})
	return out, err
}

// CombinedOutput is exec.Cmd's, inside the namespace.
func (c *Cmd) CombinedOutput() (out []byte, err error) {
	err = c.host.Do(func() error {
		out, err = c.Cmd.CombinedOutput()
		return err
	})
	return out, err
}

// sysctl writes values under /proc/sys/net of the namespace. A file that does
// not exist (a kernel without IPv6) is passed over.
func (h *Host) sysctl(values map[string]string) error {
	return h.Do(func() error {
		for name, value := range values {
			err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// newHost makes a named namespace with lo up.
func newHost(name string) (*Host, error) {
	if err := createNS(name); err != nil {
		return nil, err
	}
	h, err := openHost(name)
	if err != nil {
		return nil, err
	}
	lo, err := h.Handle.LinkByName("lo")
	if err == nil {
		err = h.Handle.LinkSetUp(lo)
	}
	if err != nil {
		h.close()
		return nil, fmt.Errorf("namespace %s: lo up: %w", name, err)
	}
	return h, nil
}

// createNS makes a namespace and pins it under nsDir. It works on a thread of
// its own that ends here, so nothing has to be put back.
func createNS(name string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		ns, err := netns.NewNamed(name)
		if err == nil {
			ns.Close()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	return nil
}

func openHost(name string) (*Host, error) {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	handle, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("namespace %s: netlink: %w", name, err)
	}
	return &Host{Name: name, Handle: handle, ns: ns}, nil
}

func (h *Host) close() {
	h.Handle.Close()
	h.ns.Close()
}

// Processes are the ids of the processes whose main thread is inside the
// namespace, the caller's excepted.
func (h *Host) Processes() ([]int, error) {
	return processesIn(h.Path())
}

func processesIn(nsPath string) ([]int, error) {
	var st unix.Stat_t
	if err := unix.Stat(nsPath, &st); err != nil {
		return nil, fmt.Errorf("stat %s: %w", nsPath, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	want := fmt.Sprintf("net:[%d]", st.Ino)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A process that ends meanwhile, or a kernel thread, has no link.
		if link, err := os.Readlink(filepath.Join("/proc", e.Name(), "ns/net")); err == nil && strings.TrimSpace(link) == want {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
