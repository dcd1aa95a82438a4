package lockfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

func TestTakeNamespace(t *testing.T) {
	labtest.OwnNetns(t)
	n, err := TakeNamespace("/run/one")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err = TakeNamespace("/run/two")
		var held *HeldError
		if !errors.As(err, &held) || !errors.Is(err, ErrHeld) || held.PID != os.Getpid() || held.About != "/run/one" {
			t.Fatalf("a second time: %v", err)
		}
	}
	// Another namespace has a lock of its own.
	labtest.InNetns(t, func() {
		other, err := TakeNamespace("/run/three")
		if err != nil {
			t.Fatal(err)
		}
		other.Close()
	})
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err = TakeNamespace("/run/two"); err != nil {
		t.Fatal("after the first was closed:", err)
	}
	n.Close()
}

// squatVar has the test's program bind the address and wait, in a process that it
// starts as another user.
const squatVar = "TAPBOND_TEST_SQUAT"

// A user without rights may bind the address. That must keep nobody from serving.
func TestUntrustedHolder(t *testing.T) {
	if os.Getenv(squatVar) != "" {
		l, err := net.Listen("unix", namespaceName)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		fmt.Println("bound")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	labtest.OwnNetns(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUntrustedHolder$")
	cmd.Env = append(os.Environ(), squatVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "bound\n" {
		t.Fatalf("the other user's process says %q", line)
	}
	if n, err := TakeNamespace("/run/one"); !errors.Is(err, ErrUntrusted) || errors.Is(err, ErrHeld) {
		t.Errorf("held by nobody's process: %v, %v", n, err)
	}
}

// TestTrustedByNamespace: this process is a mapped user to the child's eyes, but it
// is not in the user namespace that owns the child's network namespace.
func TestTrustedByNamespace(t *testing.T) {
	labtest.NeedRoot(t)
	if !netAdmin(os.Getpid()) {
		labtest.Lack(t, "CAP_NET_ADMIN")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !inOwningUsers(os.Getpid()) {
		t.Error("this process is not in the user namespace that owns its network namespace")
	}
	if trusted(&unix.Ucred{Uid: 12345}) {
		t.Error("a process that is not visible, of a user, is trusted")
	}
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--net", "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		labtest.Lack(t, "unshare: "+err.Error())
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	deadline := time.Now().Add(5 * time.Second)
	for inOwningUsers(cmd.Process.Pid) {
		if time.Now().After(deadline) {
			t.Fatal("the root of a user namespace of its own is taken for one of ours")
		}
		runtime.Gosched()
	}
}
