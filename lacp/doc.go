// Package lacp is the Link Aggregation Control Protocol of IEEE 802.1AX for one
// bond: what to say to the partner, and which ports collect and distribute. It
// is pure: events and the time go in, effects come out.
//
//	m := lacp.New(cfg)
//	out = m.Step(now, event, out[:0]) // carry out the effects, in order
//	at, ok := m.Next()                // and step Tick then, at the latest
//	st := m.State(now)                // all there is to know
//
// Clause numbers are those of IEEE 802.1AX-2014. Where the bonding driver of
// the kernel does otherwise and users are used to it, a comment says "kernel".
//
//	machine.go     Machine: one event, all machines to their fixed point
//	config.go event.go effect.go state.go    what goes in and comes out
//	pdu.go         LACPDU and its codec (6.4.2)
//	marker.go      the Marker protocol (6.5)
//	frame.go       which frames are ours, and which of them are legal
//	port.go        a port's variables (6.4.7, 6.4.8)
//	receive.go     Receive machine (6.4.12)
//	periodic.go    Periodic Transmission machine (6.4.13)
//	selection.go   Selection Logic (6.4.14), max_links
//	aggregator.go  the active aggregator: ad_select
//	mux.go         Mux machine, coupled and independent control (6.4.15)
//	transmit.go    Transmit machine (6.4.16)
//	churn.go       Churn Detection (6.4.17)
//	dropped.go     LACPDUs that must be dropped, and what follows from them
//	turns.go       two partners on one port
//	fallback.go    what carries traffic while no partner speaks
//	carrier.go     the bond's carrier
//	leave.go       saying goodbye
//	resume.go      going on where another process was
//	why.go         why a port does what it does, in a word and a sentence
package lacp
