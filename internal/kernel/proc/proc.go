// Package proc writes the text of /proc/net/bonding/BOND as the driver of Linux
// 6.1 writes it.
package proc

import (
	"fmt"
	"strings"

	"github.com/tapbond/tapbond/bond"
)

// modeNames are the driver's long ones.
var modeNames = map[string]string{
	"balance-rr":    "load balancing (round-robin)",
	"active-backup": "fault-tolerance (active-backup)",
	"balance-xor":   "load balancing (xor)",
	"broadcast":     "fault-tolerance (broadcast)",
	"802.3ad":       "IEEE 802.3ad Dynamic link aggregation",
	"balance-tlb":   "transmit load balancing",
	"balance-alb":   "adaptive load balancing",
}

// hashNumbers are the policies' numbers, which the text gives beside the name.
var hashNumbers = map[string]int{"layer2": 0, "layer3+4": 1, "layer2+3": 2, "encap2+3": 3, "encap3+4": 4, "vlan+srcmac": 5}

// linkNames are the driver's words for a link's state.
var linkNames = map[string]string{"UP": "up", "GOING_DOWN": "going down", "DOWN": "down", "GOING_BACK": "going back"}

// Text returns the whole text; release is that of the kernel it is to look like
// (uname -r), which the driver gives as its version.
func Text(st *bond.State, release string) string { return text(st, release, true) }

// PublicText is what the driver shows readers without CAP_NET_ADMIN: the LACP
// identity of both ends is left out.
func PublicText(st *bond.State, release string) string { return text(st, release, false) }

func text(st *bond.State, release string, privileged bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Ethernet Channel Bonding Driver: v%s\n\n", release)
	header(&b, st)
	if st.AD != nil {
		aggregation(&b, st, privileged)
	}
	for i := range st.Slaves {
		s := &st.Slaves[i]
		b.WriteByte('\n')
		slave(&b, s)
		if s.AD != nil {
			port(&b, &s.AD.PortState, privileged)
		}
	}
	return b.String()
}

func header(b *strings.Builder, st *bond.State) {
	opt := st.Settings
	line := func(label, value string) { fmt.Fprintf(b, "%s: %s\n", label, value) }
	mode := modeNames[st.Mode]
	if st.Mode == "active-backup" && opt["fail_over_mac"] != "none" {
		mode += " (fail_over_mac " + opt["fail_over_mac"] + ")"
	}
	line("Bonding Mode", mode)
	if hashes(st) {
		line("Transmit Hash Policy", fmt.Sprintf("%s (%d)", opt["xmit_hash_policy"], hashNumbers[opt["xmit_hash_policy"]]))
	}
	if hasPrimary(st.Mode) {
		line("Primary Slave", primary(st))
		line("Currently Active Slave", orNone(st.Active))
	}
	line("MII Status", upDown(st.Carrier))
	line("MII Polling Interval (ms)", opt["miimon"])
	line("Up Delay (ms)", opt["updelay"])
	line("Down Delay (ms)", opt["downdelay"])
	line("Peer Notification Delay (ms)", opt["peer_notif_delay"])
	if opt["arp_interval"] != "0" {
		line("ARP Polling Interval (ms)", opt["arp_interval"])
		line("ARP Missed Max", opt["arp_missed_max"])
		list(b, "ARP IP target/s (n.n.n.n form)", opt["arp_ip_target"])
		list(b, "NS IPv6 target/s (xx::xx form)", opt["ns_ip6_target"])
	}
}

// hashes: the mode picks slaves by a hash.
func hashes(st *bond.State) bool {
	switch st.Mode {
	case "balance-xor", "802.3ad":
		return true
	case "balance-tlb", "balance-alb":
		return st.Settings["tlb_dynamic_lb"] == "0"
	}
	return false
}

func hasPrimary(mode string) bool {
	return mode == "active-backup" || mode == "balance-tlb" || mode == "balance-alb"
}

// primary is the primary slave; a name that no slave has is none.
func primary(st *bond.State) string {
	for _, s := range st.Slaves {
		if s.Name == st.Settings["primary"] {
			return s.Name + " (primary_reselect " + st.Settings["primary_reselect"] + ")"
		}
	}
	return "None"
}

func slave(b *strings.Builder, s *bond.SlaveState) {
	fmt.Fprintf(b, "Slave Interface: %s\nMII Status: %s\n", s.Name, linkNames[s.MIIStatus])
	if s.Speed == 0 {
		b.WriteString("Speed: Unknown\n")
	} else {
		fmt.Fprintf(b, "Speed: %d Mbps\n", s.Speed)
	}
	duplex := s.Duplex
	if duplex != "full" && duplex != "half" {
		duplex = "Unknown"
	}
	fmt.Fprintf(b, "Duplex: %s\nLink Failure Count: %d\nPermanent HW addr: %s\nSlave queue ID: %d\n", duplex, s.Failures, s.PermMAC, s.QueueID)
}

func orNone(name string) string {
	if name == "" {
		return "None"
	}
	return name
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// list writes a line of targets; an empty list leaves no space behind the colon.
func list(b *strings.Builder, label, targets string) {
	b.WriteString(label + ":")
	if targets != "" {
		b.WriteString(" " + strings.ReplaceAll(targets, ",", ", "))
	}
	b.WriteByte('\n')
}
