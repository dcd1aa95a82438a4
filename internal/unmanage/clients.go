package unmanage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Client is a program that runs for one NIC alone. Who started it meant that
// NIC, so it isn't ended; it is told of.
type Client struct {
	Program string
	PID     int
}

func (c Client) String() string { return fmt.Sprintf("%s (pid %d)", c.Program, c.PID) }

// clientPrograms put addresses on the NIC that is an argument of theirs, or set
// it up and down.
var clientPrograms = []string{
	"dhclient", "dhclient3", "dhcpcd", "udhcpc", "udhcpc6", "pump", "dhcp6c", "odhcp6c", "dibbler-client",
	"avahi-autoipd", "zcip", "ifplugd", "netplugd",
}

// Clients returns the programs of this namespace that were started for the NIC.
func (g *Guard) Clients(nic string) []Client {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []Client
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		if program := clientOf(string(line), nic); program != "" && g.here(pid) {
			out = append(out, Client{Program: program, PID: pid})
		}
	}
	return out
}

// clientOf tells from a command line, its words ended by NUL, which of the
// programs it is, "" if it is none for this NIC.
func clientOf(line, nic string) string {
	words := strings.FieldsFunc(line, func(r rune) bool { return r == 0 })
	if len(words) > 1 && filepath.Base(words[0]) == "busybox" {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	// dhcpcd makes one title of its words: "dhcpcd: eth1 [ip4]".
	if rest, ok := strings.CutPrefix(words[0], "dhcpcd: "); ok {
		if first, _, _ := strings.Cut(rest, " "); first == nic {
			return "dhcpcd"
		}
		return ""
	}
	program := filepath.Base(words[0])
	if !slices.Contains(clientPrograms, program) {
		return ""
	}
	for _, w := range words[1:] {
		if w == nic || w == "-i"+nic || strings.HasSuffix(w, "="+nic) {
			return program
		}
	}
	return ""
}
