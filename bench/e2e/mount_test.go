package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mounted is a `tapbond fs` of a namespace, mounted where the test itself sees it.
type mounted struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and said all

	mu   sync.Mutex
	said strings.Builder
}

// mountFS mounts the files of a namespace at dir.
func mountFS(t *testing.T, ns, dir string, env []string) *mounted {
	t.Helper()
	m := &mounted{t: t, dir: dir, done: make(chan struct{})}
	m.cmd = exec.Command("nsenter", "--net=/run/netns/"+ns, binary, "fs", dir)
	m.cmd.Env = env
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.cmd.Stderr = m.cmd.Stdout
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(m.done)
		begin := sync.OnceFunc(func() { close(ready) })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m.mu.Lock()
			m.said.WriteString(lines.Text() + "\n")
			m.mu.Unlock()
			if strings.Contains(lines.Text(), "are under") {
				begin()
			}
		}
	}()
	select {
	case <-ready:
	case <-m.done:
		_ = m.cmd.Wait()
		t.Fatalf("tapbond fs: %s", m.output())
	case <-time.After(20 * time.Second):
		t.Fatalf("tapbond fs doesn't begin: %s", m.output())
	}
	return m
}

func (m *mounted) output() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said.String()
}

// end tells it to end, and looks at what it leaves.
func (m *mounted) end() {
	m.t.Helper()
	_ = m.cmd.Process.Signal(unix.SIGTERM)
	m.ended()
	if _, err := os.Lstat(m.dir); !errors.Is(err, fs.ErrNotExist) {
		m.t.Errorf("%s is left: %v", m.dir, err)
		_ = unix.Unmount(m.dir, unix.MNT_DETACH)
	}
}

// ended waits for its end, which must be one in order.
func (m *mounted) ended() {
	m.t.Helper()
	select {
	case <-m.done:
	case <-time.After(20 * time.Second):
		_ = m.cmd.Process.Kill()
		m.t.Error("tapbond fs doesn't end")
	}
	if err := m.cmd.Wait(); err != nil || strings.Contains(m.output(), "DATA RACE") {
		m.t.Errorf("tapbond fs: %v\n%s", err, m.output())
	}
}

// files mounts the booth's, once.
func (b *booth) files() *mounted {
	b.t.Helper()
	if b.mount == nil {
		b.mount = mountFS(b.t, b.ns, filepath.Join(b.t.TempDir(), "files"), b.env)
		b.t.Cleanup(b.mount.end)
	}
	return b.mount
}

// path of a file of a device's.
func (m *mounted) net(path string) string { return filepath.Join(m.dir, "sys/class/net", path) }

// read is what cat prints, of the file or of the error.
func (m *mounted) read(path string) string {
	text, err := os.ReadFile(m.net(path))
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return "cat: /sys/class/net/" + path + ": " + strerror(errno) + "\n"
	}
	return string(text)
}

// write is what a shell says of echo VALUE > FILE, "ok" if nothing.
func (m *mounted) write(path, value string) string {
	f, err := os.OpenFile(m.net(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err == nil {
		_, err = f.WriteString(value + "\n")
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return strerror(errno)
	}
	return err.Error()
}

func strerror(errno syscall.Errno) string {
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// folder is each file in a folder, as the recordings have them.
func (m *mounted) folder(path, prefix string) string {
	m.t.Helper()
	entries, err := os.ReadDir(m.net(path))
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&all, "%s%s: %s\n", prefix, e.Name(), strings.TrimSuffix(m.read(path+"/"+e.Name()), "\n"))
	}
	return all.String()
}

// device is what the recordings have of the devices themselves.
func (m *mounted) device() string {
	m.t.Helper()
	var all strings.Builder
	for name := range strings.FieldsSeq("address addr_assign_type carrier duplex flags mtu operstate speed type tx_queue_len") {
		fmt.Fprintf(&all, "%s: %s", name, m.read("bond0/"+name))
	}
	for slave := range strings.FieldsSeq(m.read("bond0/bonding/slaves")) {
		for name := range strings.FieldsSeq("address carrier flags") {
			fmt.Fprintf(&all, "%s %s: %s", slave, name, m.read(slave+"/"+name))
		}
		if is, of := m.read(slave+"/master/ifindex"), m.read("bond0/ifindex"); is != of {
			fmt.Fprintf(&all, "%s's master has index %s, the bond %s", slave, is, of)
		}
	}
	return alike(all.String())
}

// alike is a recording of devices, or ours, without what depends on chance
// and surroundings: the address of a bond that never had a slave, and whether
// slaves are promiscuous. Captures were running in some recordings, and in
// balance-tlb and -alb ours are, so as to hear all of the bond's addresses.
func alike(text string) string {
	text = regexp.MustCompile(`(?m)^address: .*(\naddr_assign_type: 1)$`).ReplaceAllString(text, "address: random$1")
	return regexp.MustCompile(`(?m)^(eth\d flags: 0x1)9`).ReplaceAllString(text, "${1}8")
}
