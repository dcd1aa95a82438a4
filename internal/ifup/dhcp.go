package ifup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/rundir"
)

// runDir is the namespace's own folder: /run is shared with others.
func runDir() string {
	dir, err := control.Dir()
	if err != nil {
		return control.Root()
	}
	return dir
}

// ownNamespace: this is the machine's first network namespace, and files are
// where its programs have them (and where AppArmor lets dhclient write them).
func ownNamespace() bool {
	var init, own unix.Stat_t
	return os.Getenv("TAPBOND_RUN") == "" && unix.Stat("/proc/1/ns/net", &init) == nil && unix.Stat("/proc/thread-self/ns/net", &own) == nil && init.Ino == own.Ino
}

func pidFile(client, dev string) string {
	dir := runDir()
	if ownNamespace() {
		dir = "/run"
	}
	return filepath.Join(dir, client+"-"+dev+".pid")
}

func leaseFile(client, dev string) string {
	if ownNamespace() {
		for _, dir := range []string{"/var/lib/dhclient", "/var/lib/dhcp"} {
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				return filepath.Join(dir, client+"-"+dev+".leases")
			}
		}
	}
	return filepath.Join(runDir(), client+"-"+dev+".leases")
}

func udhcpcPID(dev string, v6 bool) string {
	name := "udhcpc"
	if v6 {
		name += "6"
	}
	b, err := os.ReadFile(pidFile(name, dev))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// marker remembers which client was started for which device: it holds the
// device's index and the program, so that one of a bond that is no more doesn't
// count.
func marker(dev string, v6 bool) string {
	if v6 {
		return filepath.Join(runDir(), "dhcp6-"+dev)
	}
	return filepath.Join(runDir(), "dhcp-"+dev)
}

func readMarker(dev string, v6 bool) (path string, ok bool) {
	b, err := os.ReadFile(marker(dev, v6))
	if err != nil {
		return "", false
	}
	index, path, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	l, err := linkByName(dev)
	if err != nil || strconv.Itoa(l.Attrs().Index) != index {
		return "", false
	}
	return path, true
}

func runsDHCP(dev string, v6 bool) bool {
	_, ok := readMarker(dev, v6)
	return ok
}

func stopCommand(dev string, v6 bool) []string {
	return commandOf(dev, v6, func(c *dhcp) func(path, dev string) []string { return c.stop })
}

func startCommand(dev string, v6 bool) []string {
	return commandOf(dev, v6, func(c *dhcp) func(path, dev string) []string { return c.start })
}

// commandOf is one of the client's that was started for the device; nil if none
// was.
func commandOf(dev string, v6 bool, which func(*dhcp) func(path, dev string) []string) []string {
	path, _ := readMarker(dev, v6)
	for _, c := range clients(v6) {
		if filepath.Base(path) == c.name {
			return which(&c)(path, dev)
		}
	}
	return nil
}

// startDHCP runs the client until it has an address, or gives up.
func startDHCP(ctx context.Context, s ifcfg.Step) (Undo, error) {
	l, err := linkByName(s.Bond)
	if err != nil {
		return nil, err
	}
	if err := rundir.Make(runDir()); err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d %s\n", l.Attrs().Index, s.Command[0])
	if err := os.WriteFile(marker(s.Bond, s.V6), []byte(note), 0o644); err != nil {
		return nil, err
	}
	if s.V6 {
		waitLinkLocal(ctx, l)
	}
	undo := func(ctx context.Context) error {
		return stopDHCP(ctx, ifcfg.Step{Bond: s.Bond, V6: s.V6, Command: stopCommand(s.Bond, s.V6)})
	}
	if out, err := run(ctx, s.Command); err != nil {
		_ = undo(ctx) // perhaps it left something running
		return nil, fmt.Errorf("no address by DHCP: %s: %w%s", filepath.Base(s.Command[0]), err, said(out))
	}
	return undo, nil
}

// linkLocalWait is how long a bond gets for a link-local address, which a DHCPv6
// client needs.
const linkLocalWait = 10 * time.Second

// waitLinkLocal returns once the link has a link-local address that is no other
// machine's, or is late: then the client says what is wrong.
func waitLinkLocal(ctx context.Context, l netlink.Link) {
	ctx, cancel := context.WithTimeout(ctx, linkLocalWait)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		addrs, err := netlink.AddrList(l, netlink.FAMILY_V6)
		for _, a := range addrs {
			if a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				return
			}
		}
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// endDHCP stops the client of a bond that is to go. If the bond then stays, so
// does the wish for an address.
func endDHCP(ctx context.Context, s ifcfg.Step) (Undo, error) {
	start := startCommand(s.Bond, s.V6)
	err := stopDHCP(ctx, s)
	if start == nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := startDHCP(ctx, ifcfg.Step{Bond: s.Bond, V6: s.V6, Command: start})
		return err
	}, err
}

// stopDHCP has the client give its lease back and end.
func stopDHCP(ctx context.Context, s ifcfg.Step) error {
	defer os.Remove(marker(s.Bond, s.V6))
	switch {
	case len(s.Command) == 0:
		return nil
	case s.Command[0] == "kill":
		return killUdhcpc(s.Bond, s.V6)
	}
	if out, err := run(ctx, s.Command); err != nil {
		return &Wish{fmt.Errorf("%s: %w%s", filepath.Base(s.Command[0]), err, said(out))}
	}
	return nil
}

// killUdhcpc ends the udhcpc of a device, which then gives its lease back. A
// number that is another program's by now is left alone.
func killUdhcpc(dev string, v6 bool) error {
	pid, err := strconv.Atoi(udhcpcPID(dev, v6))
	if err != nil || pid <= 1 {
		return nil
	}
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(words, []byte("udhcpc")) || !bytes.Contains(words, []byte("\x00"+dev+"\x00")) {
		return nil
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		return &Wish{fmt.Errorf("udhcpc: kill: %w", err)}
	}
	return nil
}

// run runs a program that may leave a child behind: its output goes to a file,
// since a pipe would be waited for as long as the child lives.
func run(ctx context.Context, command []string) (string, error) {
	f, err := os.CreateTemp("", "tapbond-dhcp-")
	if err != nil {
		return "", err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = f, f
	err = cmd.Run()
	out, _ := os.ReadFile(f.Name())
	return string(out), err
}

// said is what a program said last, for a message.
func said(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return ": " + last
	}
	return ""
}
