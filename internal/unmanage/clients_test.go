package unmanage

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestClientOf(t *testing.T) {
	for line, want := range map[string]string{
		"/sbin/dhclient -4 -pf /run/dhclient.eth1.pid eth1": "dhclient",
		"dhclient eth10":                     "",
		"udhcpc -n -p /run/x.pid -i eth1":    "udhcpc",
		"/bin/busybox udhcpc -i eth1":        "udhcpc",
		"udhcpc --interface=eth1":            "udhcpc",
		"ifplugd -ieth1 -fI":                 "ifplugd",
		"dhcpcd eth1":                        "dhcpcd",
		"dhcpcd\x01 eth1 [ip4] [ip6]":        "dhcpcd",
		"dhcpcd\x01 [manager] [ip4] [ip6]":   "",
		"dhcpcd\x01 [BPF ARP] eth1 10.0.0.1": "",
		"vi eth1":                            "",
		"ping -I eth1 10.0.0.1":              "",
		"busybox":                            "",
		"":                                   "",
	} {
		words := strings.ReplaceAll(line, " ", "\x00") + "\x00"
		if title, ok := strings.CutPrefix(line, "dhcpcd\x01"); ok { // one word
			words = "dhcpcd:" + title + "\x00"
		}
		if got := clientOf(words, "eth1"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// A program that runs for the NIC here is found, by its process.
func TestClients(t *testing.T) {
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	// sleep under the name of a client, with the NIC for an argument it waits by
	cmd := exec.Command("sh", "-c", "read x", "no-such-nic")
	cmd.Args[0] = "dhclient"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	want := Client{Program: "dhclient", PID: cmd.Process.Pid}
	if got := g.Clients("no-such-nic"); !slices.Contains(got, want) {
		t.Errorf("found %v, not %v", got, want)
	}
	if got := g.Clients("eth-of-nobody"); slices.ContainsFunc(got, func(c Client) bool { return c.PID == os.Getpid() || c == want }) {
		t.Errorf("found %v", got)
	}
}
