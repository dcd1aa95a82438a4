// Package policy decides which slave a frame leaves by. It is pure: a frame,
// an immutable view of the bond and the calling worker's own state go in, an
// index or the reason for a drop comes out. Nothing on that way allocates.
//
//	policy.go        Selector, Fanout and what they are given: Snapshot, Queue
//	mode.go          the bonding modes; New, the one place that names selectors
//	roundrobin.go activebackup.go xor.go broadcast.go lacp.go    one selector each
//	balance.go       those of balance-tlb and balance-alb, and what they count
//	frame.go         Frame, the decoder: MAC addresses, the outer VLAN tag, EtherType
//	hash.go          HashPolicy and the arithmetic of xmit_hash_policy
//	flow.go          addresses, ports, ICMP of layer2+3 and layer3+4
//	encap.go gre.go  the same through tunnels, for encap2+3 and encap3+4
//	explain.go text.go    a hash as data: fields, headers walked, each step
//	reason.go        why a frame was dropped
//	load.go endian_*.go    reading integers out of octets
//
// A policy of one's own is a type with a Select method in one file; the
// example shows one.
package policy
