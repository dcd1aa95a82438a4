package main

import (
	"fmt"
	"slices"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/plain"
)

// shownClients is how many of balance-alb's clients the screen has room for.
const shownClients = 16

// balance prints the two tables of balance-tlb and balance-alb: what is sent by
// which slave, and which slave's address the clients have.
func (s *screen) balance() {
	b := s.st.Balance
	if !b.Next.IsZero() {
		s.buckets(b)
	}
	if b.Stats == nil {
		return
	}
	text := fmt.Sprintf("%s, updated %s", plain.Count(len(b.Clients), "client"), plain.Times(b.Stats.Taught))
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{b.Stats.Full, "without a place"}, {b.Stats.Evicted, "lost their place"},
		{b.Stats.Unasked, "unasked answers ignored"}, {b.Stats.Conflict, plain.Noun(b.Stats.Conflict, "claim") + " to an address of ours"},
	} {
		if c.n > 0 {
			text += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	s.group("receive", text)
	if len(b.Clients) > 0 {
		s.clients(b)
	}
}

func (s *screen) clients(b *bond.BalanceState) {
	t := s.table()
	fmt.Fprint(t, "  CLIENT\tVLAN\tHWADDR\tSLAVE\tSEEN\tTOLD")
	if s.verbose {
		fmt.Fprint(t, "\tADDRESS\tUPDATES\tWHY")
	}
	fmt.Fprintln(t)
	for i, c := range b.Clients {
		if i == shownClients && !s.verbose {
			break
		}
		told := "never"
		if !c.Told.IsZero() {
			told = ago(s.now, c.Told)
		}
		if c.Pending {
			told += " (due)"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s", c.Client, number(c.VLAN), or(c.MAC, "unknown"), or(c.Slave, "none"), ago(s.now, c.Seen), told)
		if s.verbose {
			fmt.Fprintf(t, "\t%s\t%d\t%s", c.Address, c.Updates, c.Why)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	if n := len(b.Clients) - shownClients; n > 0 && !s.verbose {
		s.field("", fmt.Sprintf("and %d more: tapbond show -v %s", n, s.st.Name))
	}
}

// buckets prints what each slave sends; in detail by bucket.
func (s *screen) buckets(b *bond.BalanceState) {
	s.group("balance", fmt.Sprintf("%d of 256 buckets used, next in %.1f s, %s, %s beside them",
		len(b.Buckets), max(0, b.Next.Sub(s.now).Seconds()), plain.Count(b.Moves, "move"), octets(b.Unbalanced)))
	if len(b.Buckets) == 0 {
		return
	}
	t := s.table()
	if s.verbose {
		fmt.Fprintln(t, "  BUCKET\tSLAVE\tSENT\tBEFORE")
		for _, x := range b.Buckets {
			fmt.Fprintf(t, "  %d\t%s\t%s\t%s/s\n", x.Bucket, or(x.Slave, "none"), octets(x.Octets), octets(x.Rate))
		}
		t.Flush()
		return
	}
	fmt.Fprintln(t, "  SLAVE\tBUCKETS\tSENT\tBEFORE")
	var names []string
	sums := map[string]*[3]uint64{}
	for _, x := range b.Buckets {
		name := or(x.Slave, "none")
		if sums[name] == nil {
			sums[name], names = new([3]uint64), append(names, name)
		}
		for i, n := range []uint64{1, x.Octets, x.Rate} {
			sums[name][i] += n
		}
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(t, "  %s\t%d\t%s\t%s/s\n", n, sums[n][0], octets(sums[n][1]), octets(sums[n][2]))
	}
	t.Flush()
}

func number(n uint16) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
