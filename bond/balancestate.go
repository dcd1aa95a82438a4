package bond

import (
	"net/netip"
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/policy"
)

// BalanceState tells of balance-tlb and balance-alb.
type BalanceState struct {
	// Buckets are those that carried something since the last rebalancing or
	// before it.
	Buckets    []BucketState `json:"buckets"`
	Unbalanced uint64        `json:"unbalanced_octets"` // sent on the active slave since then
	// Placed are the slaves of all buckets, in order; none without tlb_dynamic_lb.
	Placed []string  `json:"placed,omitempty"`
	Moves  uint64    `json:"moves"` // of buckets that carried something
	Next   time.Time `json:"next_rebalance,omitzero"`
	// Of balance-alb.
	Clients []ClientState `json:"clients,omitempty"`
	Stats   *alb.Stats    `json:"receive,omitempty"`
}

// BucketState is one part of the flows.
type BucketState struct {
	Bucket int    `json:"bucket"`
	Slave  string `json:"slave"`
	Octets uint64 `json:"octets"` // since the last rebalancing
	Rate   uint64 `json:"rate"`   // octets/s before that
}

// ClientState is one client of receive balancing.
type ClientState struct {
	Client  netip.Addr `json:"client"`
	Address netip.Addr `json:"address"` // ours
	VLAN    uint16     `json:"vlan,omitempty"`
	MAC     string     `json:"hwaddr,omitempty"` // empty: not known yet
	Slave   string     `json:"slave"`
	Seen    time.Time  `json:"seen"`
	Told    time.Time  `json:"told,omitzero"`
	Updates uint64     `json:"updates"` // frames sent to tell it
	Pending bool       `json:"pending,omitempty"`
	Why     string     `json:"why,omitempty"`
}

func (b *Bond) balanceState() *BalanceState {
	bal := b.bal
	if bal == nil {
		return nil
	}
	name := func(slot int) string {
		if s := b.slaveBySlot(slot); s != nil {
			return s.name
		}
		return ""
	}
	st := &BalanceState{Buckets: []BucketState{}, Moves: bal.loads.Moves()}
	if b.vals.TLBDynamicLB != 0 {
		st.Next = bal.loads.Next()
		for i := range policy.Buckets {
			st.Placed = append(st.Placed, name(bal.loads.Slave(i)))
			if sent, rate := bal.loads.Sent(i); sent > 0 || rate > 0 {
				st.Buckets = append(st.Buckets, BucketState{i, name(bal.loads.Slave(i)), sent, rate})
			}
		}
		st.Unbalanced, _ = bal.loads.Sent(policy.Unbalanced)
	}
	if bal.clients == nil {
		return st
	}
	clients, stats := bal.clients.State()
	st.Stats = &stats
	for _, c := range clients {
		cs := ClientState{
			Client: c.Peer.Addr(), Address: c.Ours.Addr(), VLAN: c.VID, Slave: name(c.Slave),
			Seen: c.Seen, Told: c.Told, Updates: c.Updates, Pending: c.Pending,
		}
		if c.MAC != [6]byte{} {
			cs.MAC = link.MACString(c.MAC)
		}
		if c.Why != 0 {
			cs.Why = c.Why.String()
		}
		st.Clients = append(st.Clients, cs)
	}
	return st
}
