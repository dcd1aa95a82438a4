// Package contest runs ways to aggregate links against each other on one
// machine: each contender gets the same lab and the same work, in turn, round
// after round (A B C A B C …), so that what else the machine does falls on all
// of them. Ratios of medians are what to read; absolute figures are the
// machine's of that moment.
//
//	contender.go  Contender: who can be measured, and how one is started
//	ours.go       tapbond itself, in every mode
//	loops.go      the naive loop, and the design in C (c/loop.c)
//	cpu.go        processor time of a contender, and of everybody else
//	tcp.go        TCP streams, iperf3's or our own
//	flood.go      small frames as fast as possible
//	rtt.go        echo requests, idle and under load
//	run.go        the rounds
//	stats.go      medians and spreads
//	result.go     Result, what a run leaves; JSON
//	compare.go    what differs from an older run, beyond noise
//	table.go      the table for the terminal
package contest
