// Package contest runs ways to aggregate links against each other on one
// machine: each contender gets the same lab and the same work, in turn, round
// after round (A B C A B C …), so that what else the machine does falls on all
// of them. Ratios of medians are what to read; absolute figures are the
// machine's of that moment.
//
//	contender.go  Contender: who can be measured; Kind: what for
//	catalog.go    all contenders, and picking some
//	ours.go       tapbond itself, in every mode that it supports
//	loops.go      the naive loop, and the design in C (c/loop.c)
//	ovs.go        Open vSwitch's userspace bond
//	dpdk.go       DPDK's bond, by testpmd
//	run.go        the rounds
//	stage.go      the networks, and what is measured in each
//	single.go     on one link: TCP, floods, round trips; and nothing at all
//	fixed.go      numbered UDP at fixed rates
//	failover.go   links that are cut
//	flows.go      many flows over several links
//	limited.go    links of limited rate
//	tcp.go        TCP by iperf3; streams.go by our own sender
//	flood.go      UDP as fast as possible
//	rtt.go        echo requests
//	cpu.go        processor time of a contender, and of everybody else
//	stats.go      medians and spreads
//	result.go     Result, what a run leaves; JSON
//	merge.go      runs put together; what was measured undisturbed
//	goal.go       what tapbond shall reach, and whether it did
//	compare.go    what differs from an older run, beyond noise
//	table.go      the table for the terminal; package report makes the page
package contest
