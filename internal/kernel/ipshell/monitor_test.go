package ipshell

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/labtest"
)

// events are what the installed ip prints of them, and what we do.
const events = `[2026-11-30T23:27:52.914745] [LINK]4: bond0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default 
    link/ether f6:6a:86:df:b5:6c brd ff:ff:ff:ff:ff:ff
[2026-11-30T23:27:52.914746] [NETCONF]inet bond0 forwarding off rp_filter off 
[LINK]5: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default 
    link/ether f6:6a:86:df:b5:6c brd ff:ff:ff:ff:ff:ff
6: eth1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default 
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
10.0.0.2 dev bond0 lladdr 02:00:00:00:00:09 REACHABLE
Deleted 5: eth0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default 
    link/ether f6:6a:86:df:b5:6c brd ff:ff:ff:ff:ff:ff
`

func woven(text string) string {
	return strings.NewReplacer(
		"bond0: <BROADCAST,MULTICAST,UP", "bond0: <BROADCAST,MULTICAST,MASTER,UP",
		"eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state", "eth0: <BROADCAST,MULTICAST,SLAVE,UP,LOWER_UP> mtu 1500 qdisc mq master bond0 state",
		"eth0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state", "eth0: <BROADCAST,MULTICAST,SLAVE> mtu 1500 qdisc noop master bond0 state",
	).Replace(text)
}

// monitorOf runs ip monitor with an installed ip that prints text.
func monitorOf(t *testing.T, f *fake, text string, args ...string) string {
	t.Helper()
	real := filepath.Join(t.TempDir(), "ip")
	if err := os.WriteFile(real, []byte("#!/bin/sh\ncat <<'E'\n"+text+"E\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s := &Shell{
		Stdin: strings.NewReader(""), Stdout: &b, Stderr: io.Discard, Real: real,
		Connect: func(context.Context) (Client, error) { return f, nil },
	}
	if status := s.Run(t.Context(), args); status != 0 {
		t.Errorf("status %d", status)
	}
	return b.String()
}

// Events of bonds and slaves have flags and masters, those of a link that is gone
// by what it was last; all else is the installed ip's.
func TestMonitor(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"monitor", woven(events)}, {"-ts mon all", woven(events)}, {"monitor label link", woven(events)},
		{"-br monitor link", events}, {"monitor all-nsid", events}, {"monitor file x", events}, {"m", events},
	} {
		if got := monitorOf(t, oneBond(), events, strings.Fields(tt.args)...); got != tt.want {
			t.Errorf("ip %s: got\n%s\nwant\n%s", tt.args, got, tt.want)
		}
	}
	f := oneBond()
	f.missing = true
	if got := monitorOf(t, f, events, "monitor"); got != events {
		t.Errorf("without a daemon: %s", got)
	}
	// A slave that was released before its device went is nobody's.
	m := &monitored{shell: &Shell{Connect: func(context.Context) (Client, error) { return f, nil }}, known: map[string]*picture{}}
	f.missing = false
	m.look(t.Context())
	f.bonds = []bond.State{{Name: "bond0"}}
	now := m.look(t.Context())
	const gone = "Deleted 5: eth0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default \n"
	for i, want := range []string{woven(gone), gone} {
		if got := m.weave(now, gone); got != want {
			t.Errorf("time %d: %q, want %q", i, got, want)
		}
	}
}

// With the real ip, in a namespace, events come while they happen, with the
// bond's details.
func TestMonitorLive(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		f := oneBond()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		seen := &awaited{want: []string{"MASTER", "bond mode balance-rr", "master bond0", "bond_slave state ACTIVE"}, then: cancel}
		real, err := installed.Find("ip")
		if err != nil {
			t.Fatal(err)
		}
		s := &Shell{
			Stdin: strings.NewReader(""), Stdout: seen, Stderr: io.Discard, Real: real,
			Connect: func(context.Context) (Client, error) { return f, nil },
		}
		// Again and again: the first changes may come before ip listens.
		changes := exec.CommandContext(ctx, "sh", "-c", "while :; do for n in 1 2; do ip link set bond0 group $n; ip link set eth0 group $n; done; done")
		if err := changes.Start(); err != nil {
			t.Fatal(err)
		}
		defer changes.Wait()
		defer cancel()
		s.Run(ctx, []string{"-d", "monitor", "link"})
		if missing := seen.missing(); len(missing) > 0 {
			t.Errorf("missing %q in\n%s", missing, seen.all.String())
		}
	})
}

// awaited takes output until all that is wanted is in it.
type awaited struct {
	all  bytes.Buffer
	want []string
	then func()
}

func (a *awaited) missing() []string {
	return slices.DeleteFunc(slices.Clone(a.want), func(w string) bool { return strings.Contains(a.all.String(), w) })
}

func (a *awaited) Write(b []byte) (int, error) {
	n, err := a.all.Write(b)
	if len(a.missing()) == 0 {
		a.then()
	}
	return n, err
}
