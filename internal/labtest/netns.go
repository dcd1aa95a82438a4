package labtest

import (
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Lack reports that the machine lacks what: a failure in CI, else a skip.
func Lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing in CI: %s", what)
	}
	t.Skipf("needs %s", what)
}

// NeedRoot stops the test unless it runs as root with /dev/net/tun.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lack(t, "root")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		Lack(t, "/dev/net/tun")
	}
}

// OwnNetns has the calling test go on in a fresh network namespace, lo down, which
// ends with it. Goroutines that it starts run in the process's own namespace.
func OwnNetns(t testing.TB) {
	t.Helper()
	NeedRoot(t)
	runtime.LockOSThread() // for good: the thread ends with the test's goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("unshare: %v", err)
	}
}

// OtherNetns makes a network namespace beside the one of the calling test, which
// must be locked to its thread (OwnNetns, InNetns), and runs fn in it. It lives until
// the file that is returned is closed.
func OtherNetns(t testing.TB, fn func()) *os.File {
	t.Helper()
	open := func() *os.File {
		f, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	here := open()
	defer here.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("unshare: %v", err)
	}
	defer func() {
		if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Errorf("setns: %v", err)
		}
	}()
	there := open()
	fn()
	return there
}

// InNetns runs fn on an OS thread of its own in a fresh network namespace with
// lo up. The thread ends with fn and the namespace with the last socket opened
// in it. fn may use t.Fatal as usual. Goroutines started by fn run in the
// process's own namespace: open sockets before starting them.
func InNetns(t testing.TB, fn func()) {
	t.Helper()
	NeedRoot(t)
	done := make(chan struct{})
	var failed, ran bool
	go func() {
		// Never unlocked: the thread, and with it the namespace, ends here.
		runtime.LockOSThread()
		defer close(done)
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("unshare: %v", err)
			return
		}
		if lo, err := netlink.LinkByName("lo"); err == nil {
			if err := netlink.LinkSetUp(lo); err != nil {
				t.Errorf("lo up: %v", err)
				return
			}
		}
		defer func() { failed = !ran }() // t.FailNow ends the goroutine without ran
		fn()
		ran = true
	}()
	<-done
	if failed {
		t.FailNow()
	}
}
