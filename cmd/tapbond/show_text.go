package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/plain"
	"github.com/tapbond/tapbond/lacp"
)

func datapath(st *bond.State) string {
	queues := plain.Count(st.Queues, "queue")
	switch {
	case !st.Offload:
		return "plain frames, " + queues
	case st.Express == nil:
		return "offloads on, " + queues
	case !st.Express.Sends:
		return "offloads on, " + queues + ", express lane closed: " + st.Express.Why
	}
	return "offloads on, " + queues + ", express lane open"
}

func monitorText(st *bond.State) string {
	if v := st.Settings["arp_interval"]; v != "" && v != "0" {
		return probesText(st.Settings)
	}
	if st.Settings["miimon"] == "0" {
		return "carrier (miimon is 0: the kernel would not look at all)"
	}
	text := "carrier, miimon " + st.Settings["miimon"] + " ms"
	for _, delay := range []string{"updelay", "downdelay"} {
		if v := st.Settings[delay]; v != "0" {
			text += ", " + delay + " " + v + " ms"
		}
	}
	return text
}

// probesText is the ARP and NS monitor in words.
func probesText(opt map[string]string) string {
	targets := strings.Trim(opt["arp_ip_target"]+","+opt["ns_ip6_target"], ",")
	if targets == "" {
		return "carrier (arp_interval " + opt["arp_interval"] + " ms, but there is no target)"
	}
	return fmt.Sprintf("probes of %s every %s ms, %s may be missed, arp_validate %s, arp_all_targets %s; carrier",
		strings.ReplaceAll(targets, ",", ", "), opt["arp_interval"], opt["arp_missed_max"], opt["arp_validate"], opt["arp_all_targets"])
}

// shownElsewhere are options that the screen tells in other places.
var shownElsewhere = []string{
	"mode", "active_slave", "slaves", "miimon", "updelay", "downdelay",
	"arp_interval", "arp_ip_target", "ns_ip6_target", "arp_missed_max", "arp_validate", "arp_all_targets",
}

// noAddress is ad_actor_system's default.
var noAddress = lacp.MAC{}.String()

// settingsText are the options that somebody has set to other than the default.
func settingsText(st *bond.State) string {
	var words []string
	for _, o := range option.All() {
		v := st.Settings[o.Name]
		if o.Scope != option.ScopeBond || v == "" || v == defaultOf(o) || v == noAddress || slices.Contains(shownElsewhere, o.Name) {
			continue
		}
		words = append(words, o.Name+" "+v)
	}
	return strings.Join(words, ", ")
}

// speed is a link's, "10G"; half duplex is worth a word.
func speed(s bond.SlaveState) string {
	text := fmt.Sprintf("%dM", s.Speed)
	switch {
	case s.Speed == 0:
		return "?"
	case s.Speed >= 1000:
		text = fmt.Sprintf("%gG", float64(s.Speed)/1000)
	}
	if s.Duplex == "half" {
		text += "/half"
	}
	return text
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func ago(now, then time.Time) string { return plain.Duration(now.Sub(then)) }

func octets(n uint64) string {
	const units = "KMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%dB", n)
	}
	f, u := float64(n)/1000, 0
	for f >= 999.5 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	if f >= 100 {
		return fmt.Sprintf("%.0f%cB", f, units[u])
	}
	return fmt.Sprintf("%.1f%cB", f, units[u])
}
