// Package alb balances by load (balance-tlb) and by what the neighbours are
// told (balance-alb). It is pure: time, counters and frames go in, tables and
// frames to send come out.
//
//	loads.go     which slave each bucket of flows is on, by what it carried
//	macs.go      who has which address: unique ones, and the bond's where the active role is
//	learning.go  frames from which a switch learns where an address is
//	exchange.go  what an ARP packet says, checked; rewriting it in place
//	nd.go        likewise for IPv6 neighbour discovery
//	view.go      what the workers know: whose exchange it is, and which slave it goes to
//	clients.go   who was told what: the table of receive balancing
//	place.go     which slave a client is told, and who has to move
//	teach.go     when they are told again, and how many at a time
//
// The tables are bounded, whatever the network sends.
package alb
