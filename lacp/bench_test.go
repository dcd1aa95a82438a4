package lacp

import (
	"testing"
	"time"
)

// BenchmarkFlood: a PDU of another partner each time, the most work there is.
func BenchmarkFlood(b *testing.B) {
	w := newWorld(fastConfig())
	w.add(8)
	for id := PortID(1); id <= 8; id++ {
		w.start(id)
	}
	w.warp(5 * time.Second)
	pdu := w.peer(1).say()
	var out []Effect
	b.ReportAllocs()
	for i := range b.N {
		pdu.PDU.Actor.System[4], pdu.PDU.Actor.System[3] = byte(i), byte(i>>8)
		w.now = w.now.Add(100 * time.Microsecond)
		out = w.m.Step(w.now, pdu, out[:0])
	}
}

// BenchmarkPDU: the usual one, that brings nothing new.
func BenchmarkPDU(b *testing.B) {
	w := newWorld(fastConfig())
	w.add(8)
	for id := PortID(1); id <= 8; id++ {
		w.start(id)
	}
	w.warp(5 * time.Second)
	var ev Event = w.peer(1).say()
	var out []Effect
	b.ReportAllocs()
	for range b.N {
		out = w.m.Step(w.now, ev, out[:0])
	}
}
