package lacp

import "time"

// System identifies an aggregation system: 6.4.5. The numerically lower one,
// priority first, decides where both ends could.
type System struct {
	Priority uint16 `json:"priority"`
	MAC      MAC    `json:"address"`
}

// Less reports whether s precedes o in the order of identifiers: the lower one
// has the higher priority.
func (s System) Less(o System) bool {
	if s.Priority != o.Priority {
		return s.Priority < o.Priority
	}
	return s.MAC.Uint64() < o.MAC.Uint64()
}

// Config holds the settings of a bond, by the driver's option names. All may
// change at any time; what the driver only takes while the bond is down is the
// caller's rule.
type Config struct {
	// System is ad_actor_sys_prio and ad_actor_system, or the bond's own
	// address in its place.
	System System
	// UserKey is ad_user_port_key, 0 to 1023: the upper bits of the ports' keys.
	UserKey uint16
	// Active is lacp_active: speak first. If not, only to a partner that is
	// active.
	Active bool
	// Fast is lacp_rate: the partner is asked for a PDU every second instead of
	// every 30, and given up after 3 s of silence instead of 90.
	Fast bool
	// Coupled is coupled_control: collecting and distributing go together.
	Coupled bool
	// Select is ad_select.
	Select Select
	// SelectHold is ad_select_hold: how long the active aggregator keeps its role
	// while its partner is out of sync. Less than two seconds is two seconds.
	SelectHold time.Duration
	// MinLinks is min_links: usable ports that the carrier takes; 0 is 1.
	MinLinks int
	// Strict is lacp_strict: only ports that collect and distribute count for
	// MinLinks, not every port with a link.
	Strict bool
	// BroadcastNeighbor is broadcast_neighbor; here it has a port that starts
	// to distribute announced (NotifyPeers).
	BroadcastNeighbor bool
	// MaxLinks is max_links: ports of the active aggregator that are used at
	// the same time, the others stand by; 0 for all.
	MaxLinks int
	// Fallback is lacp_fallback, FallbackDelay lacp_fallback_delay: how long
	// after a port has given up waiting for a partner it may be used without.
	Fallback      Fallback
	FallbackDelay time.Duration
}

// Select is ad_select: how the active aggregator is chosen. The numbers are
// the driver's.
type Select uint8

// The policies. Each falls back on the next lower criterion: sum of priorities,
// count of ports, bandwidth.
const (
	Stable        Select = 0 // by bandwidth, but only when the active one is of no use any more
	Bandwidth     Select = 1
	Count         Select = 2
	ActorPortPrio Select = 3 // kernel: the higher sum of port priorities wins
)

// String is the word of the option.
func (s Select) String() string {
	switch s {
	case Stable:
		return "stable"
	case Bandwidth:
		return "bandwidth"
	case Count:
		return "count"
	case ActorPortPrio:
		return "actor_port_prio"
	}
	return "unknown"
}

// Fallback is lacp_fallback: what carries traffic while no port has a partner.
type Fallback uint8

// The policies.
const (
	// FallbackNone: nothing does.
	FallbackNone Fallback = 0
	// FallbackSingle: exactly one port does (kernel). It stays the one while its
	// link is up.
	FallbackSingle Fallback = 1
	// FallbackActiveBackup: one port does, and a change of it is announced to the
	// network (NotifyPeers), as active-backup would.
	FallbackActiveBackup Fallback = 2
)

// String is the word of the option.
func (f Fallback) String() string {
	switch f {
	case FallbackNone:
		return "none"
	case FallbackSingle:
		return "single"
	case FallbackActiveBackup:
		return "active-backup"
	}
	return "unknown"
}
