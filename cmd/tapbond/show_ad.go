package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/plain"
	"github.com/tapbond/tapbond/lacp"
)

// lag prints the aggregators, and each port; in detail with both ends' view of it.
func (s *screen) lag() {
	st := s.st
	s.group("LACP", fmt.Sprintf("system %s, %s", st.AD.System, manner(st)))
	for i := range st.AD.Aggregators {
		a := &st.AD.Aggregators[i]
		role := "idle"
		if a.Active {
			role = "ACTIVE"
		}
		partner := "no partner"
		if a.Partner.MAC != (lacp.MAC{}) {
			partner = fmt.Sprintf("partner %s key %d", a.Partner, a.PartnerKey)
		}
		individual := ""
		if a.Individual {
			individual = ", individual"
		}
		s.field(fmt.Sprintf("aggregator %d", a.ID), fmt.Sprintf("%s%s, key %d, %s: %s; %d of %s distributing, %d Mb/s",
			role, individual, a.ActorKey, partner, orNone(a.Slaves), a.Distributing, plain.Count(len(a.Slaves), "port"), a.Mbps))
	}
	fmt.Fprintln(s.w)
	t := s.table()
	fmt.Fprintln(t, "  PORT\tAGG\tDIAGNOSIS\tRECEIVE\tLACPDU\tPARTNER")
	for i := range st.Slaves {
		x := &st.Slaves[i]
		if x.AD == nil {
			continue
		}
		p := &x.AD.PortState
		partner, last := "-", "never"
		if !p.LastRx.IsZero() {
			last = ago(s.now, p.LastRx)
		}
		if p.Partner.System != (lacp.MAC{}) {
			partner = fmt.Sprint(p.Partner.Port)
		}
		fmt.Fprintf(t, "  %s\t%d\t%s\t%s\t%s\t%s\n", x.Name, p.Aggregator, p.Why, p.Receive, last, partner)
	}
	t.Flush()
	for i := range st.Slaves {
		if x := &st.Slaves[i]; x.AD != nil && s.verbose {
			s.port(x)
		}
	}
}

// manner is how we speak.
func manner(st *bond.State) string {
	text := "active"
	if st.Settings["lacp_active"] == "off" {
		text = "passive"
	}
	if st.Settings["lacp_rate"] == "fast" {
		return text + ", lacp_rate fast (1 s)"
	}
	return text + ", lacp_rate slow (30 s)"
}

// portIndent is where the lines of a port's details begin.
const portIndent = 13

// port prints one port: what it does and why, both ends' LACPDUs, and where the
// machines are.
func (s *screen) port(x *bond.SlaveState) {
	p := &x.AD.PortState
	fmt.Fprintln(s.w)
	s.wrap("  ", 4, fmt.Sprintf("%s: %s, %s: %s", x.Name, carries(p), p.Why, p.Reason))
	line := func(label, text string) { s.wrap(fmt.Sprintf("    %-*s", portIndent-4, label), portIndent, text) }
	line("actor", end(&p.Actor))
	line("", fmt.Sprintf("last LACPDU sent %s, %d in all", before(s.now, p.LastTx), p.Counters.LACPDUsTx))
	line("partner", end(&p.Partner)+" of "+p.Partner.ID().String())
	line("", fmt.Sprintf("last LACPDU received %s, %d in all%s", before(s.now, p.LastRx), p.Counters.LACPDUsRx, expiry(p, s.now)))
	line("machines", fmt.Sprintf("%s, mux %s for %s, receive %s for %s, churn %s/%s",
		p.Selected, p.Mux, ago(s.now, p.Since), p.Receive, ago(s.now, p.ReceiveSince), p.ActorChurn, p.PartnerChurn))
	if text := dropped(x.AD); text != "" {
		line("dropped", text)
	}
}

func carries(p *lacp.PortState) string {
	switch {
	case p.Distributing && p.Collecting:
		return "carries traffic"
	case p.Collecting:
		return "receives, doesn't send"
	case p.Distributing:
		return "sends, doesn't receive"
	}
	return "carries no traffic"
}

// end is one end's port.
func end(i *lacp.Info) string {
	bits := strings.Join(i.State.Names(), " ")
	if bits == "" {
		bits = "nothing set"
	}
	return fmt.Sprintf("%s (%d), port %d prio %d key %d", bits, i.State, i.Port, i.PortPriority, i.Key)
}

func before(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return ago(now, then) + " ago"
}

// expiry is how long the partner may be silent yet.
func expiry(p *lacp.PortState, now time.Time) string {
	if p.Receive != "current" || p.ExpiresAt.IsZero() {
		return ""
	}
	return fmt.Sprintf(", expires in %s", ago(p.ExpiresAt, now))
}

// dropped are the frames of the port's protocols that came to nothing.
func dropped(p *bond.ADPort) string {
	var out []string
	for reason, n := range p.Illegal {
		out = append(out, fmt.Sprintf("%s %d", reason, n))
	}
	slices.Sort(out)
	for _, c := range []struct {
		name string
		n    uint64
	}{
		{"overrun", p.Overrun}, {"own echo", p.Counters.OwnEchoRx}, {"unknown subtype", p.Counters.UnknownRx},
		{"marker limited", p.Counters.MarkerLimited}, {"unsent", p.Counters.TxFailed},
	} {
		if c.n > 0 {
			out = append(out, fmt.Sprintf("%s %d", c.name, c.n))
		}
	}
	return strings.Join(out, ", ")
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no port"
	}
	return strings.Join(names, " ")
}
