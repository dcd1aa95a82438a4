package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/tapbond/tapbond/bond"
)

// showBalance prints the two tables of balance-tlb and balance-alb: what is
// sent by which slave, and who was told which slave's address.
func showBalance(w io.Writer, st *bond.State, now time.Time) {
	b := st.Balance
	if b == nil {
		return
	}
	if !b.Next.IsZero() {
		showBuckets(w, b, now)
	}
	if b.Stats == nil {
		return
	}
	fmt.Fprintf(w, "\n  receive       %d clients, told %d times", len(b.Clients), b.Stats.Taught)
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{b.Stats.Full, "without a place"}, {b.Stats.Evicted, "lost their place"},
		{b.Stats.Unasked, "unasked answers ignored"}, {b.Stats.Conflict, "claims to an address of ours"},
	} {
		if c.n > 0 {
			fmt.Fprintf(w, ", %d %s", c.n, c.what)
		}
	}
	fmt.Fprintln(w)
	if len(b.Clients) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  CLIENT\tVLAN\tHWADDR\tADDRESS\tSLAVE\tSEEN\tTOLD\tUPDATES\tWHY")
	for _, c := range b.Clients {
		told := "never"
		if !c.Told.IsZero() {
			told = ago(now, c.Told)
		}
		if c.Pending {
			told += " (due)"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", c.Client, number(c.VLAN), or(c.MAC, "unknown"), c.Address,
			or(c.Slave, "none"), ago(now, c.Seen), told, c.Updates, c.Why)
	}
	t.Flush()
}

func showBuckets(w io.Writer, b *bond.BalanceState, now time.Time) {
	fmt.Fprintf(w, "\n  balance       %d of 256 buckets carry, next in %.1fs, %d moves, %s beside them\n",
		len(b.Buckets), max(0, b.Next.Sub(now).Seconds()), b.Moves, octets(b.Unbalanced))
	if len(b.Buckets) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  BUCKET\tSLAVE\tSENT\tBEFORE")
	for _, x := range b.Buckets {
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s/s\n", x.Bucket, or(x.Slave, "none"), octets(x.Octets), octets(x.Rate))
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
