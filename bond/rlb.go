package bond

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/policy"
)

// notePause is how long the control goroutine leaves the notes alone when the
// workers' rings are full: a flood of ARP gets no more of it than that.
const notePause = 5 * time.Millisecond

// noteChan is where notes are announced, nil while they are left alone.
func (b *Bond) noteChan() <-chan struct{} {
	if b.bal == nil || !b.bal.paused.IsZero() {
		return nil
	}
	return b.noted
}

// readNotes takes what the workers saw of address resolution.
func (b *Bond) readNotes() {
	if b.bal == nil || b.bal.clients == nil {
		return
	}
	now, most := b.now(), 0
	for _, w := range b.tx {
		most = max(most, w.notes.take(func(n *note) { b.outgoing(now, n) }))
	}
	for _, s := range b.slaves {
		most = max(most, s.rx.notes.take(func(n *note) {
			if b.bal.clients.Incoming(now, &n.x) {
				b.conflict(now, &n.x)
			}
		}))
	}
	if most == noteRingLen {
		b.bal.paused = now.Add(notePause)
	}
	b.stale = true
	b.relay()
	if b.up {
		b.stepClients(now)
	}
}

// relay is a frame of the host's that a worker left to control.
type relay struct {
	x     alb.Exchange
	slot  int // its client's slave, -1 for the active one
	n     int
	frame [noteFrame]byte
}

// outgoing chooses the slave for what a worker left to us.
func (b *Bond) outgoing(now time.Time, n *note) {
	slot := b.bal.clients.Outgoing(now, &n.x)
	if n.n > 0 {
		b.bal.relays = append(b.bal.relays, relay{n.x, slot, n.n, n.frame})
	}
}

// relay sends what outgoing has chosen slaves for. The workers hear of the new
// clients first: the answer to a question must find who was asked.
func (b *Bond) relay() {
	if len(b.bal.relays) > 0 {
		b.settle()
	}
	for i := range b.bal.relays {
		r := &b.bal.relays[i]
		to := b.slaveBySlot(r.slot)
		if to == nil {
			to = b.active
		}
		if to == nil || !b.up {
			continue
		}
		frame := r.frame[:r.n]
		var f policy.Frame
		if to != b.active && f.Decode(frame) {
			r.x.Rewrite(&f, to.mac)
			copy(frame[6:12], to.mac[:])
		}
		if to.control.Send(frame) == nil {
			to.relayed.frames.add(1)
			to.relayed.octets.add(uint64(r.n))
		}
	}
	b.bal.relays = b.bal.relays[:0]
}

func (b *Bond) slaveBySlot(slot int) *slave {
	for _, s := range b.members() {
		if s.slot == slot {
			return s
		}
	}
	return nil
}

// conflictEvery is how often a claim to an address of ours is told of.
const conflictEvery = time.Second

func (b *Bond) conflict(now time.Time, x *alb.Exchange) {
	if now.Sub(b.bal.warned) < conflictEvery {
		return
	}
	b.bal.warned = now
	b.warn(nil, "address_conflict", link.MACString(x.SenderMAC)+" says it has our address "+x.Sender.Addr().String())
}

// stepClients tells the clients that are to be told.
func (b *Bond) stepClients(now time.Time) {
	c := b.bal.clients
	if c == nil {
		return
	}
	b.bal.teach = c.Step(now, b.bal.teach[:0])
	for i := range b.bal.teach {
		t := &b.bal.teach[i]
		s := b.slaveBySlot(t.Slave)
		if s == nil {
			continue
		}
		for range t.Copies {
			_ = s.control.Send(t.Frame)
		}
	}
	b.taught()
}

// maxNamed is how many clients an event names; of more it tells the number.
const maxNamed = 4

// taught tells of the clients that were told something, by slave and reason.
func (b *Bond) taught() {
	type group struct {
		slave int
		why   alb.Reason
		mac   [6]byte
	}
	var order []group
	peers := map[group][]string{}
	for i := range b.bal.teach {
		t := &b.bal.teach[i]
		g := group{t.Slave, t.Why, t.MAC}
		if peers[g] == nil {
			order = append(order, g)
		}
		peers[g] = append(peers[g], t.Peer.Addr().String())
	}
	for _, g := range order {
		who := plural(uint64(len(peers[g])), "client")
		if len(peers[g]) <= maxNamed {
			who = strings.Join(peers[g], ", ")
		}
		e := Event{Kind: "rlb_teach", Message: who + " told that we are at " + link.MACString(g.mac), Why: g.why.String(), Level: slog.LevelDebug}
		if s := b.slaveBySlot(g.slave); s != nil {
			e.Slave = s.name
		}
		if g.why == alb.SlaveLost || g.why == alb.AddressChanged || g.why == alb.Rebalanced {
			e.Level = slog.LevelInfo
		}
		b.event(e)
	}
}

// ownAddresses are those that the host answers for with the bond's hardware
// address: on the bond and on what is stacked on it, bridges and what is on
// them excepted.
func (b *Bond) ownAddresses(mac [6]byte, uppers []link.Upper) ([]alb.IP, error) {
	devices, bridged := []int{b.index}, map[int]bool{}
	for _, u := range uppers {
		switch {
		case u.Kind == "bridge" || bridged[u.ParentIndex]:
			bridged[u.Index] = true
		case u.MAC == mac:
			devices = append(devices, u.Index)
		}
	}
	var out []alb.IP
	for _, index := range devices {
		list, err := b.sys.Addresses(index)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if a := alb.FromAddr(p.Addr()); !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// followUppers takes what is stacked on the bond, and the addresses there. The
// caller holds the bond's lock and is not the control goroutine.
func (b *Bond) followUppers(mac [6]byte) {
	var balanced bool
	if _ = b.call(func() { balanced = b.bal != nil }); !balanced {
		return
	}
	uppers, err := b.sys.Uppers(b.index)
	if err != nil {
		return
	}
	own, err := b.ownAddresses(mac, uppers)
	_ = b.call(func() {
		if b.bal == nil || err != nil {
			return
		}
		b.bal.uppers = uppers
		if c := b.bal.clients; c != nil {
			c.SetOwn(own)
			b.stale = true
		}
	})
}

func tagsOf(u link.Upper) []alb.Tag { return toTags(u.Tags) }

func toTags(tags []link.Tag) []alb.Tag {
	out := make([]alb.Tag, len(tags))
	for i, t := range tags {
		out[i] = alb.Tag(t)
	}
	return out
}

func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

// debug tells of something that happens as a matter of routine.
func (b *Bond) debug(kind, msg, why string) {
	b.event(Event{Kind: kind, Message: msg, Why: why, Level: slog.LevelDebug})
}
