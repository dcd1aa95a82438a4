package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/labtest"
)

// need skips a test, or fails it in CI, where guests can't run.
func need(t *testing.T) {
	t.Helper()
	if err := Available(t.Context(), ""); err != nil {
		labtest.Lack(t, err.Error())
	}
}

func boot(t *testing.T, cfg Config) *Guest {
	t.Helper()
	need(t)
	start := time.Now()
	g, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %v", time.Since(start).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		if exists(g.dir) {
			t.Errorf("%s is left", g.dir)
		}
	})
	return g
}

// run wants a command to succeed with such an output.
func run(t *testing.T, g *Guest, line, want string) {
	t.Helper()
	out, err := g.Run(t.Context(), "%s", line)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, want) {
		t.Errorf("%s: %q, want %q", line, out, want)
	}
}

// await is a command that succeeds at the latest after some seconds.
func await(test string) string {
	return "for i in $(seq 100); do " + test + " && exit; sleep 0.1; done; exit 1"
}

// TestGuest has NICs of two models, one behind the other: their drivers see
// cables, NICs come and go, the kernel's bonding fails over.
func TestGuest(t *testing.T) {
	g := boot(t, Config{NICs: []NIC{{Model: "e1000"}, {}, {Model: "rtl8139"}, {Segment: 1}}, Modules: []string{"vrf"}})
	for i, driver := range []string{"e1000", "virtio_net", "8139cp", "virtio_net"} {
		run(t, g, fmt.Sprintf("ethtool -i eth%d; cat /sys/class/net/eth%d/address", i, i), "driver: "+driver)
	}
	run(t, g, "ip link add v type vrf table 5; ip link add link eth0 name eth0.5 type vlan id 5; ip -br link", "eth0.5@eth0")
	run(t, g, "modprobe bonding && cat /proc/modules", "bonding")
	run(t, g, "ip link add bond0 type bond mode active-backup miimon 20; for i in 0 1; do ip link set eth$i master bond0; done; echo eth0 >/sys/class/net/bond0/bonding/primary; ip link set bond0 up; ip -br link", "bond0")
	run(t, g, await("grep -q eth0 /sys/class/net/bond0/bonding/active_slave"), "")
	run(t, g, "cable 0 off; "+await("grep -q eth1 /sys/class/net/bond0/bonding/active_slave"), "")
	run(t, g, "cable 0 on; "+await("grep -q 1 /sys/class/net/eth0/carrier"), "")
	run(t, g, "unplug 1; "+await("test ! -e /sys/class/net/eth1"), "")
	run(t, g, "plug 1; "+await("grep -q 02:00:00:00:06:01 /sys/class/net/eth1/address"), "")
	for line, want := range map[string]string{
		"cable 9 off":  "no NIC 9",
		"cable 0":      "usage",
		"exit 7":       "status 7",
		"printf 'a b'": "",
	} {
		out, err := g.Run(t.Context(), "%s", line)
		var status *StatusError
		if want == "" && (err != nil || out != "a b") {
			t.Errorf("%s: %q, %v", line, out, err)
		}
		if want != "" && (!errors.As(err, &status) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// TestHung: a command that doesn't end is given up, its late answer isn't taken
// for another one's; a guest that died says so at once.
func TestHung(t *testing.T) {
	g := boot(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := g.Run(ctx, "sleep 1; echo late"); !errors.Is(err, ErrHung) {
		t.Errorf("a command that takes too long: %v", err)
	}
	run(t, g, "echo on time", "on time")
	if out, err := g.Run(t.Context(), "echo c >/proc/sysrq-trigger"); !errors.Is(err, ErrHung) || !strings.Contains(err.Error(), "panic") {
		t.Errorf("a kernel that panics: %q, %v", out, err)
	}
}

// TestScript: the script's status and output are returned, withheld modules are
// missing, and a script that hangs gets one more guest.
func TestScript(t *testing.T) {
	need(t)
	out, err := Script(t.Context(), Config{Withheld: []string{"bonding", "cls-bpf"}, NICs: NICs("", 1)}, 0, `
ls /modules
echo "two
lines"
ip link add bond0 type bond || exit 3
`)
	var status *StatusError
	if !errors.As(err, &status) || status.Status != "3" {
		t.Errorf("%v, want status 3", err)
	}
	if !strings.Contains(out, "two\nlines\n") || strings.Contains(out, "bonding.ko") || strings.Contains(out, "cls_bpf.ko") || !strings.Contains(out, "tun.ko") {
		t.Errorf("it said %s", out)
	}
	if _, err = Script(t.Context(), Config{}, 500*time.Millisecond, "while :; do :; done"); !errors.Is(err, ErrHung) || !strings.Contains(err.Error(), "before this one") {
		t.Errorf("a script that hangs: %v", err)
	}
}

// TestBadConfig: what can't be is refused before anything runs.
func TestBadConfig(t *testing.T) {
	need(t)
	for want, cfg := range map[string]Config{
		"no module nosuch":        {Modules: []string{"nosuch"}},
		"NIC model x: unknown":    {NICs: NICs("x", 1)},
		"Config.Host is missing":  {NICs: []NIC{{Interface: "eth0"}}},
		"no such file":            {Files: []string{"/nosuch"}},
		"package bash: no kernel": {Kernel: "bash"},
	} {
		if g, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
			if err == nil {
				t.Error(g.Stop())
			}
		}
	}
}
