package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/policy"
)

// What the documents tell a reader to type does what they say.

// documented returns the indented commands of a page between two texts.
func documented(t *testing.T, page, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(text), from)
	part, _, ok2 := strings.Cut(part, to)
	if !ok || !ok2 {
		t.Fatalf("%s: no part from %q to %q", page, from, to)
	}
	var commands strings.Builder
	for line := range strings.Lines(part) {
		if strings.HasPrefix(line, "    ") {
			commands.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	return commands.String()
}

// reader is a cookbook for one who has the program in PATH.
func reader(t *testing.T) *cookbook {
	c := cook(t, lab.Topology{Slaves: 2})
	c.must(os.Symlink(binary, filepath.Join(c.links, "tapbond")))
	return c
}

func TestDocumentedModes(t *testing.T) {
	t.Parallel()
	for mode := policy.BalanceRR; mode <= policy.BalanceALB; mode++ {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			script := documented(t, "docs/modes/"+mode.String()+".md", "## Try it", "\n```\n")
			c := reader(t)
			c.address("10.0.0.2/24")
			c.sh(script)
			if got, _, _ := strings.Cut(c.sh("tapbond file bond0 mode"), " "); got != mode.String() {
				t.Errorf("mode is %s", got)
			}
			if mode == policy.LACP { // the switch speaks none, so one port is used, after a while
				c.await("MII Status: up\nMII Polling Interval (ms): 100")
			}
			c.sh(pinged + "10.0.0.2")
			c.sh("tapbond ip link del bond0")
			c.done()
		})
	}
}

func TestDocumentedTwoNICs(t *testing.T) {
	t.Parallel()
	c := reader(t)
	c.address("192.0.2.1/24")
	c.sh("ip addr add 192.0.2.77/24 dev eth0; ip link set eth0 up; ip route add default via 192.0.2.1")
	c.sh(documented(t, "README.md", "**Which two?**", "**Does it work?**") + pinged + "192.0.2.1")
	contains(t, c.sh("tapbond show"), "bond0: active-backup, healthy: 2 of 2 slaves up")
	contains(t, c.sh("ip route"), "default via 192.0.2.1 dev bond0")
	c.sh(documented(t, "README.md", "**Take it down.**", "Doesn't do what you expect?"))
	c.sh("ip link set eth0 down; ip link set eth1 down")
	c.done()
}

// As a container has it: two capabilities, and nothing to write to in /proc/sys.
func TestDocumentedContainer(t *testing.T) {
	t.Parallel()
	c := reader(t)
	c.address("10.0.0.2/24")
	script := documented(t, "docs/modes/active-backup.md", "## Try it", "\n```\n")
	c.must(os.WriteFile(filepath.Join(c.etc, "script"), []byte(script+pinged+"10.0.0.2\ntapbond ip link del bond0\n"), 0o644))
	c.sh(`
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
setpriv --bounding-set=-all,+net_admin,+net_raw --inh-caps=-all,+net_admin,+net_raw sh -ec '
grep -q "CapEff:	0000000000003000" /proc/self/status
. /etc/script'
`)
	c.done()
}

// A user namespace: root there is nobody outside.
func TestDocumentedUserNamespace(t *testing.T) {
	t.Parallel()
	c := reader(t)
	script := documented(t, "docs/containers.md", "    unshare -Urn\n", "## The daemon in a container")
	script = strings.ReplaceAll(script, "/tmp/tapbond", t.TempDir())
	c.must(os.WriteFile(filepath.Join(c.etc, "script"), []byte(script+"tapbond ip link del bond0\n"), 0o644))
	contains(t, c.sh("unshare -Urn sh -ec '. /etc/script'"), "bond0: active-backup, healthy: 2 of 2 slaves up")
	c.done()
}
