package control

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
)

// A daemon whose folder has the same path in another mount namespace is no daemon
// that begins or ends.
func TestFolderInAnotherMountNamespace(t *testing.T) {
	labtest.NeedRoot(t)
	dir := t.TempDir()
	sub := filepath.Join(dir, "ns-1")
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount -t tmpfs none "$0" && mkdir "$0/ns-1" && echo ready && exec cat`, dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	expect := func(about string, pid int, want folder) {
		t.Helper()
		if got := folderOf(pid, sub); got != want {
			t.Errorf("%s: %d, want %d", about, got, want)
		}
	}
	expect("there only", cmd.Process.Pid, folderOther)
	expect("nowhere", os.Getpid(), folderGone)
	expect("not visible", 0, folderUnknown)
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	expect("another one here", cmd.Process.Pid, folderOther)
	expect("our own", os.Getpid(), folderSame)
	said := (&BusyError{PID: 7, Dir: sub, Own: sub, Mounts: true}).Error()
	if want := "another tapbond serves this network namespace: process 7, whose folder " + sub + " is in another mount namespace; use it from there (nsenter --mount --net --target 7)"; !strings.HasPrefix(said, want) {
		t.Error(said)
	}
}
