package bench

import (
	"fmt"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// Account holds the kernel's counters along a lab's paths at one time.
type Account struct {
	Bond   lab.LinkStats      // A's interface that stands for the bond, zero without
	Slaves []lab.LinkStats    // A's ethI
	Wires  [2][]lab.WireStats // by direction, to B and to A; empty without a wire
	Ports  []lab.LinkStats    // the links' far ends: the switch's pI, or B's ethI
	Peer   lab.LinkStats      // B's eth0 behind a switch
	Uplink lab.LinkStats      // the switch's port to B
}

// ReadAccount reads the counters. bond is the name of A's interface that the
// traffic uses, "" where it uses a slave itself. Read while nothing moves.
func ReadAccount(l *lab.Lab, bond string) (a Account, err error) {
	read := func(h *lab.Host, name string) (s lab.LinkStats) {
		if err == nil {
			s, err = h.Stats(name)
		}
		return s
	}
	if bond != "" {
		a.Bond = read(l.A, bond)
	}
	for _, k := range l.Links() {
		a.Slaves = append(a.Slaves, read(l.A, k.Slave()))
		if l.Switch != nil {
			a.Ports = append(a.Ports, read(l.Switch, fmt.Sprintf("p%d", k.Index())))
		} else {
			a.Ports = append(a.Ports, read(l.B, k.Slave()))
		}
		if l.Wire == nil || err != nil {
			continue
		}
		for i, d := range directions {
			w, werr := k.WireStats(d)
			if werr != nil {
				return a, werr
			}
			a.Wires[i] = append(a.Wires[i], w)
		}
	}
	if l.Switch != nil {
		a.Peer, a.Uplink = read(l.B, "eth0"), read(l.Switch, "h0")
	}
	return a, err
}

var directions = [...]lab.Direction{lab.ToB, lab.ToA}

// LedgerConfig is what a ledger of measured traffic is made of. Everything is
// a difference between the end and the beginning.
//
// The kernel's counters and the bond's don't tell the traffic's frames from
// others: nothing else may be lost meanwhile. Lab.AssignBoth and
// Host.QuietIPv6 keep ARP and neighbour discovery away. Frames that a switch
// takes for itself, as LACP's, count as not forwarded: use NoSwitch.
type LedgerConfig struct {
	Title         string
	Direction     lab.Direction // lab.ToB or lab.ToA
	Before, After Account
	Result        traffic.FlowResult
	// Copies is the number of additional frames that the bond made of the
	// traffic's, in broadcast mode. Those of a flooding switch are found out.
	Copies uint64
	// Reasons are the bond's drops by reason, those of the direction.
	Reasons map[string]uint64
	// Accepted counts the frames that the slaves' sockets took from the bond,
	// its own control frames included. It is needed because a slave whose
	// carrier is gone takes frames without an error and loses them, and because
	// its tx_dropped counts refused frames, and retries of them, as well.
	// 0 without a bond: then tx_dropped is all there is.
	Accepted uint64
}

// NewLedger writes down where the frames of one direction went.
func NewLedger(cfg LedgerConfig) *Ledger {
	l := &Ledger{Title: cfg.Title}
	l.In("sender", "sent", cfg.Result.Send.Total())
	l.In("bond", "copies", cfg.Copies)
	if cfg.Direction == lab.ToB {
		l.toB(cfg)
	} else {
		l.toA(cfg)
	}
	t := cfg.Result.Receive.Total()
	l.Out("receiver", "socket drops", cfg.Result.Receive.SocketDrops)
	l.Out("receiver", "corrupted", cfg.Result.Receive.Corrupted)
	l.Out("receiver", "duplicated", t.Duplicated)
	l.Out("receiver", "received", t.Received)
	return l
}

func (l *Ledger) toB(cfg LedgerConfig) {
	l.Out("bond (link)", "tx_dropped", cfg.After.Bond.TxDropped-cfg.Before.Bond.TxDropped)
	l.OutReasons("bond", cfg.Reasons)
	var sent uint64
	for i, after := range cfg.After.Slaves {
		before := cfg.Before.Slaves[i]
		sent += after.TxFrames - before.TxFrames
		if cfg.Accepted == 0 {
			l.Out(fmt.Sprintf("slave %d", i), "tx_dropped", after.TxDropped-before.TxDropped)
		}
	}
	if cfg.Accepted != 0 {
		l.Out("slaves", "taken, never sent", cfg.Accepted-sent)
	}
	l.wires(cfg, 0)
	before, after := cfg.Before.switched(), cfg.After.switched()
	l.crossed(after.rxPorts-before.rxPorts, after.txUplink-before.txUplink)
	l.Out("switch to B", "tx_dropped", cfg.After.Uplink.TxDropped-cfg.Before.Uplink.TxDropped)
}

func (l *Ledger) toA(cfg LedgerConfig) {
	l.Out("B", "tx_dropped", cfg.After.Peer.TxDropped-cfg.Before.Peer.TxDropped)
	before, after := cfg.Before.switched(), cfg.After.switched()
	l.crossed(after.rxUplink-before.rxUplink, after.txPorts-before.txPorts)
	for i, after := range cfg.After.Ports {
		l.Out(fmt.Sprintf("port %d", i), "tx_dropped", after.TxDropped-cfg.Before.Ports[i].TxDropped)
	}
	l.wires(cfg, 1)
	l.OutReasons("bond", cfg.Reasons)
}

// switched are the frames that came into and left the switch, those included
// that it tried to send and could not. All zero without a switch.
type switched struct{ rxPorts, txPorts, rxUplink, txUplink uint64 }

func (a Account) switched() (s switched) {
	if a.Uplink == (lab.LinkStats{}) {
		return s
	}
	for _, p := range a.Ports {
		s.rxPorts += p.RxFrames
		s.txPorts += p.TxFrames + p.TxDropped
	}
	s.rxUplink, s.txUplink = a.Uplink.RxFrames, a.Uplink.TxFrames+a.Uplink.TxDropped
	return s
}

// crossed notes the frames that a switch took and did not forward, or the
// copies that it made.
func (l *Ledger) crossed(in, out uint64) {
	if out > in {
		l.In("switch", "copies", out-in)
	} else {
		l.Out("switch", "not forwarded", in-out)
	}
}

func (l *Ledger) wires(cfg LedgerConfig, direction int) {
	for i, after := range cfg.After.Wires[direction] {
		before := cfg.Before.Wires[direction][i]
		l.Out(fmt.Sprintf("wire %d", i), "lost", after.Lost()-before.Lost())
		l.Out(fmt.Sprintf("wire %d", i), "waiting", after.Queued-before.Queued)
	}
}
