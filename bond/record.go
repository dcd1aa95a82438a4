package bond

import (
	"slices"
	"time"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
)

// Record is what must be known of a bond to go on with it in another process,
// or to undo it without one. The TAP, its addresses and routes and the slaves'
// filters are the kernel's and outlive the process; this is the rest.
type Record struct {
	Name   string        `json:"name"`
	Index  int           `json:"ifindex"` // of the TAP, 0 while it is being made
	Phase  Phase         `json:"phase,omitempty"`
	Values option.Values `json:"options"`
	MAC    [6]byte       `json:"mac"`
	OwnMAC bool          `json:"own_mac"` // the address is the engine's choice, not somebody's
	MTU    int           `json:"mtu,omitempty"`
	// ByModule: loading the module made it, it was never up and had no slave.
	ByModule bool `json:"by_module,omitempty"`
	// Marked: the TAP has our mark, so one without it is another device.
	Marked bool `json:"marked,omitempty"`

	Active    string    `json:"active_slave,omitempty"`
	ActiveAt  time.Time `json:"active_since,omitzero"`
	ActiveWhy string    `json:"active_why,omitempty"`
	Failovers uint64    `json:"failovers,omitempty"`

	// PortNumbers are those of slaves that have left, too.
	PortNumbers []PortNumber `json:"port_numbers,omitempty"`

	Slaves []SlaveRecord `json:"slaves,omitempty"`
	Away   []Away        `json:"away,omitempty"`
}

// SlaveRecord is one slave in a Record.
type SlaveRecord struct {
	Name     string       `json:"name"`
	Index    int          `json:"ifindex"`
	Phase    Phase        `json:"phase,omitempty"`
	Saved    link.Saved   `json:"saved"` // how the NIC was found
	PermMAC  [6]byte      `json:"perm_hwaddr"`
	MAC      [6]byte      `json:"mac,omitzero"` // that the bond gave it
	Identity *Identity    `json:"identity,omitempty"`
	Managers []string     `json:"managers,omitempty"` // told, or about to be, to leave it alone
	Link     monitor.Link `json:"link"`
	Since    time.Time    `json:"since,omitzero"`
	Why      string       `json:"why,omitempty"`
	Failures uint32       `json:"link_failure_count,omitempty"`
	Outages  []Outage     `json:"outages,omitempty"`
	Prio     int32        `json:"prio,omitempty"`
	QueueID  uint16       `json:"queue_id,omitempty"`
	// Configured: it is a slave by configuration.
	Configured bool `json:"configured,omitempty"`

	PortNumber  uint16 `json:"port_number,omitempty"` // LACP's
	PortPrio    uint16 `json:"actor_port_prio,omitempty"`
	AssumedMbps uint32 `json:"assumed_speed_mbps,omitempty"`
	// LACP is set while the port carries traffic.
	LACP *lacp.PortMemory `json:"lacp,omitempty"`
}

// Phase says whether something was under way. What was is taken back by the
// next process, not carried to its end, except an undoing, which is finished.
type Phase string

// Phases. A slave that comes is noted before anything is done to it.
const (
	Steady Phase = ""
	Coming Phase = "coming"
	Going  Phase = "going"
)

// Store keeps the records. Each call replaces what was kept of its kind and
// returns when it would survive the end of the process.
type Store interface {
	Save([]Record) error
	// SaveModule keeps the loaded module; nil: there is none.
	SaveModule(*ModuleRecord) error
}

// record runs on the control goroutine.
func (b *Bond) record() Record {
	r := Record{
		Name: b.name, Index: b.index, Values: b.vals, MAC: b.mac, OwnMAC: b.ownMAC, MTU: b.mtu, Marked: b.marked, ByModule: b.byModule, Failovers: b.failovers,
		Slaves: make([]SlaveRecord, 0, len(b.slaves)+len(b.pending)+1),
	}
	if b.ending {
		r.Phase = Going
	}
	if b.active != nil {
		r.Active, r.ActiveAt, r.ActiveWhy = b.active.name, b.activeSince, b.activeWhy
	}
	if b.lag != nil {
		r.PortNumbers = slices.Clone(b.lag.numbers)
	}
	for _, s := range b.slaves {
		r.Slaves = append(r.Slaves, b.recordOf(s))
	}
	r.Slaves = append(r.Slaves, b.pending...)
	r.Away = slices.Clone(b.away)
	if b.coming != nil {
		r.Slaves = append(r.Slaves, *b.coming)
	}
	if b.before != nil {
		r.Active, r.ActiveAt, r.ActiveWhy = b.before.Active, b.before.ActiveAt, b.before.ActiveWhy
	}
	return r
}

// recordOf runs on the control goroutine.
func (b *Bond) recordOf(s *slave) SlaveRecord {
	r := SlaveRecord{
		Name: s.name, Index: s.index, Saved: s.saved, PermMAC: s.permMAC, MAC: s.mac, Identity: s.identity.with(s.addrs),
		Managers: s.managers, Link: s.link, Since: s.since, Why: s.why,
		Failures: s.failures, Outages: slices.Clone(s.outages), Prio: s.prio, QueueID: s.queueID, Configured: s.configured,
		PortNumber: s.number, PortPrio: s.portPrio, AssumedMbps: s.assume,
	}
	if s.leaving {
		r.Phase = Going
	}
	if b.lag != nil {
		if m, ok := b.lag.machine.Memory(lacp.PortID(s.id)); ok {
			r.LACP = &m
		}
	}
	return r
}
