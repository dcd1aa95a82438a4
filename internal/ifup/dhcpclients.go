package ifup

import (
	"bytes"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/kernel/installed"
)

// A DHCP client is another program's business: it is asked for a lease, stays
// in the background to keep it, and is told to give it back. Each client has its
// own way for either.
type dhcp struct {
	name   string // of the program
	applet string // of busybox, which is several programs
	start  func(path, dev string) []string
	stop   func(path, dev string) []string
}

// clients are those known for IPv4 or IPv6, the best first.
func clients(v6 bool) []dhcp {
	four, pid, applet := "-4", "dhclient", "udhcpc"
	dhclient := []string{}
	if v6 {
		four, pid, applet = "-6", "dhclient6", "udhcpc6"
		dhclient = []string{"-6"}
	}
	lease := func(path, dev, what string) []string {
		words := append([]string{path}, dhclient...)
		return append(words, what, "-q", "-pf", pidFile(pid, dev), "-lf", leaseFile(pid, dev), dev)
	}
	udhcpc := func(words ...string) func(path, dev string) []string {
		return func(path, dev string) []string {
			words := append([]string{path}, words...)
			return append(words, "-i", dev, "-n", "-t", "20", "-R", "-S", "-p", pidFile(applet, dev))
		}
	}
	kill := func(_, dev string) []string { return []string{"kill", udhcpcPID(dev, v6)} }
	return []dhcp{
		{"dhclient", "",
			func(path, dev string) []string { return lease(path, dev, "-1") },
			func(path, dev string) []string { return lease(path, dev, "-r") }},
		{"dhcpcd", "",
			func(path, dev string) []string { return []string{path, four, "-q", "-w", "-t", "60", dev} },
			func(path, dev string) []string { return []string{path, four, "-k", dev} }},
		{applet, applet, udhcpc(), kill},
		{"busybox", applet, udhcpc(applet), kill},
	}
}

// udhcpcScripts are where busybox looks for the program that sets the address.
var udhcpcScripts = []string{"/usr/share/udhcpc/default.script", "/etc/udhcpc/default.script"}

// dhcpClient returns the client that is installed, nil for none.
func dhcpClient(v6 bool) *ifcfg.DHCP {
	for _, c := range clients(v6) {
		path := c.path()
		if path == "" {
			continue
		}
		return &ifcfg.DHCP{
			Start: func(dev string) []string { return c.start(path, dev) },
			Runs:  func(dev string) bool { return runsDHCP(dev, v6) },
			Stop:  func(dev string) []string { return stopCommand(dev, v6) },
		}
	}
	return nil
}

// path is where the client is, "" if it isn't or can't work.
func (c *dhcp) path() string {
	path, err := installed.Find(c.name)
	if err != nil || c.applet != "" && !udhcpcScript() {
		return ""
	}
	if c.name == "busybox" {
		applets, err := exec.Command(path, "--list").Output()
		if err != nil || !bytes.Contains(applets, []byte(c.applet+"\n")) {
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
