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

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/kernel/installed"
)

// A DHCP client is another program's business: it is asked for a lease, stays
// in the background to keep it, and is told to give it back. Each client has its
// own way for either.
type dhcp struct {
	name  string
	start func(path, dev string) []string
	stop  func(path, dev string) []string
}

// dhcps are the clients known, the best first.
var dhcps = []dhcp{
	{"dhclient",
		func(path, dev string) []string {
			return []string{path, "-1", "-q", "-pf", pidFile("dhclient", dev), "-lf", leaseFile(dev), dev}
		},
		func(path, dev string) []string {
			return []string{path, "-r", "-q", "-pf", pidFile("dhclient", dev), "-lf", leaseFile(dev), dev}
		}},
	{"dhcpcd",
		func(path, dev string) []string { return []string{path, "-4", "-q", "-w", "-t", "60", dev} },
		func(path, dev string) []string { return []string{path, "-4", "-k", dev} }},
	{"udhcpc",
		func(path, dev string) []string {
			return []string{path, "-i", dev, "-n", "-t", "20", "-R", "-S", "-p", pidFile("udhcpc", dev)}
		},
		func(_, dev string) []string { return []string{"kill", udhcpcPID(dev)} }},
	{"busybox",
		func(path, dev string) []string {
			return []string{path, "udhcpc", "-i", dev, "-n", "-t", "20", "-R", "-S", "-p", pidFile("udhcpc", dev)}
		},
		func(_, dev string) []string { return []string{"kill", udhcpcPID(dev)} }},
}

// udhcpcScripts are where busybox looks for the program that sets the address.
var udhcpcScripts = []string{"/usr/share/udhcpc/default.script", "/etc/udhcpc/default.script"}

// dhcpClient returns the client that is installed, nil for none.
func dhcpClient() *ifcfg.DHCP {
	for _, c := range dhcps {
		path := c.path()
		if path == "" {
			continue
		}
		return &ifcfg.DHCP{
			Start: func(dev string) []string { return c.start(path, dev) },
			Runs:  runsDHCP,
			Stop:  stopCommand,
		}
	}
	return nil
}

// path is where the client is, "" if it isn't or can't work.
func (c *dhcp) path() string {
	path, err := installed.Find(c.name)
	if err != nil {
		return ""
	}
	switch c.name {
	case "udhcpc":
		if !udhcpcScript() {
			return ""
		}
	case "busybox":
		if !udhcpcScript() {
			return ""
		}
		applets, err := exec.Command(path, "--list").Output()
		if err != nil || !bytes.Contains(applets, []byte("udhcpc\n")) {
			return ""
		}
	}
	return path
}

func udhcpcScript() bool {
	for _, s := range udhcpcScripts {
		if unix.Access(s, unix.X_OK) == nil {
			return true
		}
	}
	return false
}

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

func leaseFile(dev string) string {
	if ownNamespace() {
		for _, dir := range []string{"/var/lib/dhclient", "/var/lib/dhcp"} {
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				return filepath.Join(dir, "dhclient-"+dev+".leases")
			}
		}
	}
	return filepath.Join(runDir(), "dhclient-"+dev+".leases")
}

func udhcpcPID(dev string) string {
	b, err := os.ReadFile(pidFile("udhcpc", dev))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// marker remembers which client was started for which device: it holds the
// device's index and the program, so that one of a bond that is no more doesn't
// count.
func marker(dev string) string { return filepath.Join(runDir(), "dhcp-"+dev) }

func readMarker(dev string) (path string, ok bool) {
	b, err := os.ReadFile(marker(dev))
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

func runsDHCP(dev string) bool {
	_, ok := readMarker(dev)
	return ok
}

func stopCommand(dev string) []string {
	return commandOf(dev, func(c *dhcp) func(path, dev string) []string { return c.stop })
}

func startCommand(dev string) []string {
	return commandOf(dev, func(c *dhcp) func(path, dev string) []string { return c.start })
}

// commandOf is one of the client's that was started for the device; nil if none
// was.
func commandOf(dev string, which func(*dhcp) func(path, dev string) []string) []string {
	path, _ := readMarker(dev)
	for i := range dhcps {
		if filepath.Base(path) == dhcps[i].name {
			return which(&dhcps[i])(path, dev)
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
	if err := os.MkdirAll(runDir(), 0o755); err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d %s\n", l.Attrs().Index, s.Command[0])
	if err := os.WriteFile(marker(s.Bond), []byte(note), 0o644); err != nil {
		return nil, err
	}
	undo := func(ctx context.Context) error {
		return stopDHCP(ctx, ifcfg.Step{Bond: s.Bond, Command: stopCommand(s.Bond)})
	}
	if out, err := run(ctx, s.Command); err != nil {
		_ = undo(ctx) // perhaps it left something running
		return nil, fmt.Errorf("no address by DHCP: %s: %w%s", filepath.Base(s.Command[0]), err, said(out))
	}
	return undo, nil
}

// endDHCP stops the client of a bond that is to go. If the bond then stays, so
// does the wish for an address.
func endDHCP(ctx context.Context, s ifcfg.Step) (Undo, error) {
	start := startCommand(s.Bond)
	err := stopDHCP(ctx, s)
	if start == nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := startDHCP(ctx, ifcfg.Step{Bond: s.Bond, Command: start})
		return err
	}, err
}

// stopDHCP has the client give its lease back and end.
func stopDHCP(ctx context.Context, s ifcfg.Step) error {
	defer os.Remove(marker(s.Bond))
	switch {
	case len(s.Command) == 0:
		return nil
	case s.Command[0] == "kill":
		return killUdhcpc(s.Bond)
	}
	if out, err := run(ctx, s.Command); err != nil {
		return &Wish{fmt.Errorf("%s: %w%s", filepath.Base(s.Command[0]), err, said(out))}
	}
	return nil
}

// killUdhcpc ends the udhcpc of a device, which then gives its lease back. A
// number that is another program's by now is left alone.
func killUdhcpc(dev string) error {
	pid, err := strconv.Atoi(udhcpcPID(dev))
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
