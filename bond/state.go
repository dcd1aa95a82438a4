package bond

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// State is all there is to say about a bond at one moment: what show, JSON,
// /proc text and metrics are made from. It shares no memory with the engine.
type State struct {
	Name      string            `json:"name"`
	Index     int               `json:"ifindex"`
	MAC       string            `json:"address"`
	MTU       int               `json:"mtu"`
	Verdict   Verdict           `json:"verdict"`
	Up        bool              `json:"up"`                // administratively
	UpAt      time.Time         `json:"up_since,omitzero"` // likewise, as far as this process saw
	Carrier   bool              `json:"carrier"`           // any slave's link is up
	Offload   bool              `json:"offload"`
	Queues    int               `json:"queues"`
	Mode      string            `json:"mode"`
	Active    string            `json:"active_slave,omitempty"`
	ActiveAt  time.Time         `json:"active_since,omitzero"`
	ActiveWhy string            `json:"active_why,omitempty"`
	Failovers uint64            `json:"failovers"` // changes of the active slave
	Options   option.Values     `json:"-"`
	Settings  map[string]string `json:"options"`      // in words, by kernel name
	AD        *ADState          `json:"ad,omitempty"` // 802.3ad only
	Slaves    []SlaveState      `json:"slaves"`
	// Away are slaves whose NICs are gone and which are taken again when they return.
	Away    []AwaySlave       `json:"away,omitempty"`
	Traffic Traffic           `json:"traffic"`
	Drops   map[string]uint64 `json:"drops"` // frames, by reason
	// Returned are frames of our own that came back.
	Returned Returned `json:"returned"`
	// Probes is there while the ARP and ND monitor is on.
	Probes *ProbesState `json:"probes,omitempty"`
	// Announced and Rejoined are the frames of our own after failovers: of
	// addresses, and of multicast groups.
	Announced uint64 `json:"announced"`
	Rejoined  uint64 `json:"rejoined"`
	// QueueIDs says why queue ids have no effect; empty if they have, or nobody
	// has set any.
	QueueIDs   string `json:"queue_ids,omitempty"`
	Generation uint64 `json:"generation"`
	// Express tells of the express lane, nil without one.
	Express *ExpressState `json:"express,omitempty"`
	// Balance tells of balance-tlb and -alb, nil in other modes.
	Balance *BalanceState `json:"balance,omitempty"`
}

// SlaveState is one slave in a State.
type SlaveState struct {
	Name      string `json:"name"`
	Index     int    `json:"ifindex"`
	State     string `json:"state"`      // ACTIVE or BACKUP
	MIIStatus string `json:"mii_status"` // UP, GOING_DOWN, DOWN, GOING_BACK
	Carrier   bool   `json:"carrier"`
	Carries   bool   `json:"carries"` // transmits the bond's frames now
	Speed     uint32 `json:"speed_mbps"`
	Duplex    string `json:"duplex"`
	// AssumedMbps is option speed: what Speed is when the NIC reports none.
	AssumedMbps uint32   `json:"assumed_speed_mbps,omitempty"`
	Failures    uint32   `json:"link_failure_count"`
	Outages     []Outage `json:"outages,omitempty"` // the latest, oldest first
	PermMAC     string   `json:"perm_hwaddr"`
	MAC         string   `json:"hwaddr"` // that it has now, or is about to be given
	QueueID     uint16   `json:"queue_id"`
	// QueueFrames came to the slave because the host mapped them to its queue.
	QueueFrames uint64    `json:"queue_frames,omitempty"`
	Prio        int32     `json:"prio"`
	Since       time.Time `json:"since"` // of the link state
	Why         string    `json:"why"`
	AD          *ADPort   `json:"ad,omitempty"` // 802.3ad only
	Traffic     Traffic   `json:"traffic"`
	// Addresses are IP addresses on the NIC, where none belongs.
	Addresses []string `json:"addresses,omitempty"`
	// Looped: it is stacked on the bond, and so carries nothing.
	Looped bool `json:"looped,omitempty"`
	// VLANFilter tells how its NIC's VLAN filter is passed, nil if it filters no VLAN
	// that is stacked on the bond.
	VLANFilter *VLANFilterState `json:"vlan_filter,omitempty"`
	// Managers are the programs that were told to leave the NIC alone.
	Managers []string `json:"managers,omitempty"`
	// Claimed says who else uses the NIC, such as a bridge that it was put under.
	Claimed string `json:"claimed,omitempty"`
	// Bypassed are firewall rules on the NIC that the bond's frames go around.
	Bypassed []string `json:"bypassed_rules,omitempty"`
	// SocketDrops are frames the receive socket had no room for.
	SocketDrops uint64 `json:"socket_drops"`
}

// Name returns the bond's present name.
func (b *Bond) Name() string {
	name := ""
	_ = b.call(func() { name = b.name })
	return name
}

// State returns the bond as it is now.
func (b *Bond) State() (State, error) {
	var st State
	err := b.call(func() { st = b.state() })
	return st, err
}

func (b *Bond) state() State {
	mode := policy.Mode(b.vals.Mode)
	st := State{
		Name: b.name, Index: b.index, MAC: link.MACString(b.mac), MTU: b.mtu, Up: b.up, UpAt: b.upAt, Carrier: b.carrier,
		Offload: b.dev.Offload(), Queues: len(b.tx), Mode: mode.String(),
		QueueIDs: b.queueIDs(), Announced: b.announced, Rejoined: b.rejoined,
		Away: b.awaySlaves(), Failovers: b.failovers, Options: b.vals, Settings: b.settings(), Slaves: []SlaveState{}, Traffic: b.past, Generation: b.gen,
	}
	if b.active != nil && b.primaryMode() {
		st.Active, st.ActiveAt, st.ActiveWhy = b.active.name, b.activeSince, b.activeWhy
	}
	drops := b.retired
	for _, w := range b.tx {
		drops.add(&w.drops)
	}
	var shown []*slave
	for _, s := range b.slaves {
		t := s.traffic()
		st.Traffic.add(t)
		stats := s.port.Stats()
		drops.add(&s.rx.drops)
		drops.addSeat(s.seat)
		drops.addPort(stats)
		if s.leaving {
			continue
		}
		shown = append(shown, s)
		speed := s.rated()
		state := "ACTIVE"
		// The driver's ARP monitor has slaves that are down as backups in all modes.
		if (b.backup(s) || b.probing != nil && s.link != monitor.LinkUp) && !b.trying(s) {
			state = "BACKUP"
		}
		st.Slaves = append(st.Slaves, SlaveState{
			Name: s.name, Index: s.index, State: state, MIIStatus: s.link.IPString(), Carrier: s.carrier,
			Carries: b.up && s.canTx(mode) && (mode != policy.ActiveBackup || s == b.active),
			Speed:   speed.Mbps, AssumedMbps: s.assume, Duplex: speed.Duplex.String(), Failures: s.failures, Outages: slices.Clone(s.outages),
			PermMAC: link.MACString(s.permMAC), MAC: link.MACString(s.mac), QueueID: s.queueID, QueueFrames: s.mapped(), Prio: s.prio,
			Since: s.since, Why: s.why, Traffic: t, SocketDrops: stats.Dropped,
			Addresses: slices.Clone(s.addrs), Managers: slices.Clone(s.managers), Looped: s.looped, Claimed: s.claimed, Bypassed: slices.Clone(s.bypassed), VLANFilter: s.vlanFilter(),
		})
	}
	b.adState(&st, shown)
	st.Drops = drops.byName()
	st.Express = b.expressState()
	st.Balance = b.balanceState()
	st.Probes = b.probesState()
	b.noteReturned(b.now())
	st.Returned = b.returned.at(b.now())
	st.Verdict = judge(&st, b.now())
	return st
}

// settings are the options in words, by the driver's names.
func (b *Bond) settings() map[string]string {
	rt := b.runtime()
	m := make(map[string]string)
	for _, o := range option.All() {
		if o.Scope == option.ScopeBond {
			m[o.Name] = b.vals.Word(o.ID, &rt)
		}
	}
	return m
}

// runtime is what the read forms of options need beside the options.
func (b *Bond) runtime() option.Runtime {
	rt := option.Runtime{Carrier: b.carrier, AD: b.adInfo()}
	for _, s := range b.members() {
		rt.Slaves = append(rt.Slaves, option.Slave{Name: s.name, QueueID: s.queueID})
	}
	if b.active != nil {
		rt.Active = b.active.name
	}
	return rt
}

// ReadFile returns what the file of that name in the driver's folder
// /sys/class/net/BOND/bonding reads, ENOENT if there is none.
func (b *Bond) ReadFile(name string) (string, error) {
	var text string
	var ok bool
	err := b.call(func() {
		rt := b.runtime()
		text, ok = b.vals.ReadFile(name, &rt)
	})
	if err == nil && !ok {
		err = fmt.Errorf("%s: bonding/%s: %w", b.Name(), name, unix.ENOENT)
	}
	return text, err
}

// ReadFiles returns what each file in that folder reads, all at one moment.
func (b *Bond) ReadFiles() (map[string]string, error) {
	texts := make(map[string]string)
	err := b.call(func() {
		rt := b.runtime()
		for _, f := range option.Files() {
			texts[f.Name], _ = b.vals.ReadFile(f.Name, &rt)
		}
	})
	return texts, err
}
