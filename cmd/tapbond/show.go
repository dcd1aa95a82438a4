package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"maps"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/policy"
)

func showCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show [BOND]",
		Short:   "show the bonds of this network namespace: healthy? what carries traffic? since when and why?",
		Example: "  tapbond show bond0",
		Args:    words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.Join(args, "")
			c, states, err := states(cmd.Context(), name)
			if isHung(err) && !asJSON {
				showRecords(cmd.OutOrStdout(), name, time.Now())
			}
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(states)
			}
			if len(states) == 0 {
				return showModule(cmd.Context(), cmd.OutOrStdout(), c)
			}
			for i := range states {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				showBond(cmd.OutOrStdout(), &states[i], time.Now())
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "all there is to know, as JSON")
	return cmd
}

// showModule tells of the module where there is no bond.
func showModule(ctx context.Context, w io.Writer, c *control.Client) error {
	m, err := c.Module(ctx)
	if err == nil && !m.Loaded || errors.Is(err, control.ErrNoServer) {
		_, err = fmt.Fprintln(w, "no bonds in this network namespace")
		return err
	}
	if err != nil {
		return err
	}
	line := "no bonds; the module is loaded, bonds begin with"
	for _, p := range m.Parameters {
		line += " " + p.String()
	}
	if len(m.Parameters) == 0 {
		line += " the driver's defaults"
	}
	if len(m.Left) > 0 {
		line += "\nleft of an unloading, which rmmod tries again: " + strings.Join(m.Left, ", ")
	}
	_, err = fmt.Fprintln(w, line)
	return err
}

// showBond prints one screen: the verdict first, then the slaves, then what
// went wrong.
func showBond(w io.Writer, st *bond.State, now time.Time) {
	fmt.Fprintf(w, "%s: %s, %s\n", st.Name, st.Mode, &st.Verdict)
	if st.Active != "" {
		fmt.Fprintf(w, "  active slave  %s for %s (%s), %d failovers\n", st.Active, ago(now, st.ActiveAt), st.ActiveWhy, st.Failovers)
	}
	fmt.Fprintf(w, "  link          %s  mtu %d  %s\n", st.MAC, st.MTU, datapath(st))
	fmt.Fprintf(w, "  monitor       %s\n", monitorText(st))
	if text := settingsText(st); text != "" {
		fmt.Fprintf(w, "  options       %s\n", text)
	}
	fmt.Fprintf(w, "  traffic       tx %d frames %s, rx %d frames %s\n",
		st.Traffic.TxFrames, octets(st.Traffic.TxOctets), st.Traffic.RxFrames, octets(st.Traffic.RxOctets))
	if len(st.Slaves) > 0 {
		fmt.Fprintln(w)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "  SLAVE\tSTATE\tLINK\tSPEED\tCARRIES\tFAILURES\tTX\tRX\tSINCE\tWHY")
		for _, s := range st.Slaves {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", s.Name, s.State, s.MIIStatus, speed(s), yes(s.Carries),
				s.Failures, octets(s.Traffic.TxOctets), octets(s.Traffic.RxOctets), ago(now, s.Since), s.Why)
		}
		t.Flush()
	}
	showVLANFilters(w, st)
	showStrangers(w, st)
	showOutages(w, st, now)
	showQueueIDs(w, st)
	if st.AD != nil {
		showLAG(w, st, now)
	}
	showBalance(w, st, now)
	showDrops(w, st)
}

// showStrangers tells of what others put on slaves.
func showStrangers(w io.Writer, st *bond.State) {
	for _, s := range st.Slaves {
		if len(s.Addresses) > 0 {
			fmt.Fprintf(w, "\n  warning       %s has %s: on a slave it can't work, it belongs on %s\n", s.Name, strings.Join(s.Addresses, ", "), st.Name)
		}
	}
}

// shownOutages is how many of a slave's outages the screen has room for.
const shownOutages = 3

// showOutages tells when links failed, for how long and why.
func showOutages(w io.Writer, st *bond.State, now time.Time) {
	first := true
	for _, s := range st.Slaves {
		for _, o := range s.Outages[max(len(s.Outages)-shownOutages, 0):] {
			if first {
				fmt.Fprintln(w)
				first = false
			}
			length := "until now"
			if !o.Until.IsZero() {
				length = "for " + ago(o.Until, o.Since)
			}
			fmt.Fprintf(w, "  outage        %s: %s ago, %s (%s)\n", s.Name, ago(now, o.Since), length, o.Why)
		}
	}
}

// showQueueIDs tells what the slaves' queues get: a queue id alone moves nothing.
func showQueueIDs(w io.Writer, st *bond.State) {
	for _, s := range st.Slaves {
		switch {
		case s.QueueID == 0:
			continue
		case st.QueueIDs != "":
			fmt.Fprintf(w, "\n  queue_id %d    %s: no effect, %s\n", s.QueueID, s.Name, st.QueueIDs)
		case s.QueueFrames == 0:
			fmt.Fprintf(w, "\n  queue_id %d    %s: nothing was mapped to it so far (tc filter … action skbedit queue_mapping %d)\n", s.QueueID, s.Name, s.QueueID)
		default:
			fmt.Fprintf(w, "\n  queue_id %d    %s: %d frames mapped to it\n", s.QueueID, s.Name, s.QueueFrames)
		}
	}
}

func showDrops(w io.Writer, st *bond.State) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(st.Drops)) {
		if name == policy.RxSlowProto.String() && st.AD != nil {
			continue // LACP hears them on a socket of its own: nothing is lost
		}
		lines = append(lines, fmt.Sprintf("%s %d", name, st.Drops[name]))
	}
	for _, s := range st.Slaves {
		if s.SocketDrops > 0 {
			lines = append(lines, fmt.Sprintf("%s socket %d", s.Name, s.SocketDrops))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n  dropped       %s\n", strings.Join(lines, ", "))
	}
}

func datapath(st *bond.State) string {
	if st.Express != nil {
		lane := "express lane open"
		if !st.Express.Sends {
			lane = "express lane closed: " + st.Express.Why
		}
		return fmt.Sprintf("offloads passed through, %d queue(s), %s", st.Queues, lane)
	}
	if st.Offload {
		return fmt.Sprintf("offloads passed through, %d queue(s)", st.Queues)
	}
	return fmt.Sprintf("plain frames, %d queue(s)", st.Queues)
}

func monitorText(st *bond.State) string {
	if v := st.Settings["arp_interval"]; v != "" && v != "0" {
		return probesText(st.Settings)
	}
	if st.Settings["miimon"] == "0" {
		return "carrier, by events and polling (miimon is 0: the kernel would not look at all)"
	}
	text := "carrier, by events and polling, miimon " + st.Settings["miimon"] + " ms"
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
		return "carrier, by events and polling (arp_interval " + opt["arp_interval"] + " ms, but there is no target)"
	}
	return fmt.Sprintf("probes of %s every %s ms, %s may be missed, arp_validate %s, arp_all_targets %s; carrier, by events and polling",
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

func speed(s bond.SlaveState) string {
	if s.Speed == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%d/%s", s.Speed, s.Duplex)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func ago(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 24*time.Hour:
		return d.Truncate(time.Second).String()
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

func octets(n uint64) string {
	const units = "KMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%dB", n)
	}
	f, u := float64(n)/1000, 0
	for f >= 1000 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	return fmt.Sprintf("%.1f%cB", f, units[u])
}
