package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

func TestEnvironmentOfADaemon(t *testing.T) {
	got := environment([]string{"PATH=/bin", "SECRET=x", "TAPBOND_RUN=/r", "TAPBOND_HANDED=/a", "LD_PRELOAD=y", "GODEBUG=a=1", "NOTIFY_SOCKET=/n", "HOME=/root", "TZ=UTC"})
	want := []string{"PATH=/bin", "TAPBOND_RUN=/r", "GODEBUG=a=1", "TZ=UTC", "TAPBOND_READY_FD=3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A login session's groups are left; a container's or a service's are not.
func TestLeaveSession(t *testing.T) {
	for what, c := range map[string]struct {
		groups  string
		unified bool // only one hierarchy
		moved   []string
	}{
		"session":    {"0::/user.slice/user-0.slice/session-3.scope\n", true, []string{"."}},
		"two kinds":  {"3:cpu,cpuacct:/user.slice/x\n1:name=systemd:/user.slice/x\n0::/user.slice/x\n", false, []string{"cpu,cpuacct", "systemd", "unified"}},
		"container":  {"0::/docker/abc\n1:memory:/docker/abc\n", false, nil},
		"service":    {"0::/system.slice/cron.service\n", true, nil},
		"top":        {"0::/\n", true, nil},
		"not groups": {"what\n", true, nil},
	} {
		root, groups := t.TempDir(), filepath.Join(t.TempDir(), "cgroup")
		files := map[string]string{".": "", "cpu,cpuacct": "", "systemd": "", "unified": "", "memory": ""}
		for dir := range files {
			err := os.MkdirAll(filepath.Join(root, dir), 0o755)
			if err == nil {
				err = os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if c.unified {
			_ = os.WriteFile(filepath.Join(root, "cgroup.controllers"), nil, 0o600)
		}
		if err := os.WriteFile(groups, []byte(c.groups), 0o600); err != nil {
			t.Fatal(err)
		}
		leaveSession(groups, root)
		for dir := range files {
			got, _ := os.ReadFile(filepath.Join(root, dir, "cgroup.procs"))
			if moved := string(got) == strconv.Itoa(os.Getpid()); moved != slices.Contains(c.moved, dir) {
				t.Errorf("%s: in %s: %q", what, dir, got)
			}
		}
	}
}
