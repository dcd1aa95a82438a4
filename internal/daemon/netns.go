package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
)

// A process keeps its network namespace alive, with all that is in it. A
// daemon must not be the last one to do so: once nobody can reach the
// namespace any more, it ends.

// namesDir is where ip keeps the names of namespaces.
const namesDir = "/run/netns"

// namespace is the one this process is in.
type namespace struct {
	id      unix.Stat_t
	named   bool // it had a name at some time
	looked  time.Time
	changed unix.Timespec // of namesDir, when it was last read
	names   int
}

func ownNamespace() (*namespace, error) {
	n := &namespace{}
	if err := unix.Stat("/proc/self/ns/net", &n.id); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	n.count()
	return n, nil
}

func (n *namespace) same(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Ino == n.id.Ino && st.Dev == n.id.Dev
}

// count reads the names again if there is one more or less.
func (n *namespace) count() {
	var st unix.Stat_t
	if unix.Stat(namesDir, &st) != nil {
		n.names = 0
		return
	}
	if st.Mtim == n.changed && time.Since(n.looked) < 10*time.Second {
		return
	}
	n.changed, n.looked, n.names = st.Mtim, time.Now(), 0
	entries, _ := os.ReadDir(namesDir)
	for _, e := range entries {
		if n.same(filepath.Join(namesDir, e.Name())) {
			n.names++
		}
	}
	n.named = n.named || n.names > 0
}

// abandoned reports whether nobody can come here any more: every name it had is
// gone and no other process is in it, but for one called also. A namespace that
// never had a name is a container's, or a shell's: who started us there meant us
// to stay, except for a transient daemon, which goes with the last process.
func (n *namespace) abandoned(transient bool, also int) bool {
	n.count()
	if n.names > 0 || !n.named && !transient {
		return false
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	self := os.Getpid()
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != self && pid != also && n.same(filepath.Join("/proc", e.Name(), "ns/net")) {
			return false
		}
	}
	return true
}

// AwaitAbandoned returns when the calling process' network namespace is one that
// nobody can come to any more, of whom only the daemon is there, or when ctx
// ends. A client that stays must not keep the namespace, and the daemon, alive.
func AwaitAbandoned(ctx context.Context) error {
	n, err := ownNamespace()
	if err != nil {
		return err
	}
	c, err := control.NewClient()
	if err != nil {
		return err
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			if n.count(); n.names > 0 || !n.named {
				continue
			}
			if n.abandoned(false, c.ServerPID()) {
				return nil
			}
		}
	}
}
