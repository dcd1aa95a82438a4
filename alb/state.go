package alb

import "time"

// ClientState is one client as show tells of it.
type ClientState struct {
	Ours, Peer IP
	VID        uint16
	MAC        [6]byte // zero while it is not known
	Slave      int     // ID, -1 for none
	Seen       time.Time
	Told       time.Time // zero: never
	Updates    uint64    // frames sent to tell it
	Pending    bool      // about to be told
	Why        Reason    // of the last time, or the pending one
}

// State returns the clients in the order of their peers' hashes, and the
// counters. It shares no memory with c.
func (c *Clients) State() ([]ClientState, Stats) {
	var out []ClientState
	c.each(func(p *client) {
		out = append(out, ClientState{
			Ours: p.ours, Peer: p.peer, VID: p.vid, MAC: p.mac, Slave: p.slave,
			Seen: p.seen, Told: p.told, Updates: p.updates, Pending: p.rounds > 0, Why: p.why,
		})
	})
	return out, c.stats
}
