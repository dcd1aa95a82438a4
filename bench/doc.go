// Package bench measures a bond from outside: it builds a lab, runs numbered
// traffic through it, breaks links, and accounts for every frame. It knows
// nothing of what runs in host A but the name of the interface that stands in
// for the bond and the counters it is handed.
//
//	ledger.go    Ledger: where every frame sent ended, and whether that closes
//	account.go   Account: the kernel's counters along the way, before and after
//	failover.go  FailoverGap: how long a cut link silences a flow
//	lab/         namespaces, links, faults, processes
//	traffic/     senders, receivers, frames, echo requests
//	partner/     a LACP partner that does as it is told, right or wrong
//	benchtest/   labs for tests
//
// The use of all three:
//
//	l, err := lab.Build(ctx, lab.Topology{Name: "demo", Slaves: 2, Wire: true})
//	defer l.Close()
//	p, err := l.Start(ctx, l.A, "tapbond", []string{"run", …}, nil)
//	_, err = p.WaitLine(ctx, "ready")
//	err = l.AssignBoth("bond0", "eth0")
//	gap, err := bench.FailoverGap(ctx, bench.FailoverConfig{Lab: l, Link: 0, …})
package bench
