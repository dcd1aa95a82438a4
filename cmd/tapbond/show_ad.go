package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

// showLAG draws the aggregators, and each port with both ends' view of it.
func showLAG(w io.Writer, st *bond.State, now time.Time) {
	fmt.Fprintf(w, "\n  LACP          we are system %s, %s\n", st.AD.System, manner(st))
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
		fmt.Fprintf(w, "  aggregator %-2d %s%s, key %d, %s: %s; %d of %d distributing, %d Mb/s\n",
			a.ID, role, individual, a.ActorKey, partner, orNone(a.Slaves), a.Distributing, len(a.Slaves), a.Mbps)
	}
	for i := range st.Slaves {
		if s := &st.Slaves[i]; s.AD != nil {
			showPort(w, s, now)
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
		return text + ", expects a LACPDU every second"
	}
	return text + ", expects a LACPDU every 30 s"
}

// showPort draws one port: what it does and why, what we say of it, what the
// partner says, and where the machines are.
func showPort(w io.Writer, s *bond.SlaveState, now time.Time) {
	p := &s.AD.PortState
	fmt.Fprintf(w, "\n  %s: %s, %s: %s\n", s.Name, carries(p), p.Why, p.Reason)
	fmt.Fprintf(w, "    we       %s\n", end(&p.Actor))
	fmt.Fprintf(w, "             last LACPDU sent %s, %d in all\n", before(now, p.LastTx), p.Counters.LACPDUsTx)
	fmt.Fprintf(w, "    partner  %s of %s\n", end(&p.Partner), p.Partner.ID())
	fmt.Fprintf(w, "             last LACPDU heard %s, %d in all%s\n", before(now, p.LastRx), p.Counters.LACPDUsRx, expiry(p, now))
	fmt.Fprintf(w, "    machines %s, mux %s for %s, receive %s for %s, churn %s/%s\n",
		p.Selected, p.Mux, ago(now, p.Since), p.Receive, ago(now, p.ReceiveSince), p.ActorChurn, p.PartnerChurn)
	if text := dropped(s.AD); text != "" {
		fmt.Fprintf(w, "    dropped  %s\n", text)
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
	return fmt.Sprintf(", given up in %s without another", ago(p.ExpiresAt, now))
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
