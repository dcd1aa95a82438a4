package option

import "net/netip"

// Effect is something that the engine must carry out after a request, in the
// order given, after putting the new values in force; an effect is what they
// change outside them. Options whose value is simply read when next needed have none.
type Effect interface{ effect() }

type (
	// ModeChanged: the bond is down and empty and has another mode now.
	ModeChanged struct{ From, To uint32 }

	// MonitorChanged: settings of the link monitors changed. Restart is true
	// when miimon or arp_interval was set, even to the value it had: the driver
	// stops one timer and fires the other at once if the bond is up.
	MonitorChanged struct{ Restart bool }

	// TargetAdded: arp_ip_target has a new entry at Index; the slaves count
	// its last reception from now.
	TargetAdded struct {
		Index int
		Addr  netip.Addr
	}

	// TargetRemoved: the entry at Index is gone and the later ones moved up, so
	// the slaves' reception times of arp_ip_target move with them.
	TargetRemoved struct{ Index int }

	// TargetsReplaced: the whole list of Option (ArpIPTarget or NSIP6Target)
	// is new, with all reception times.
	TargetsReplaced struct{ Option ID }

	// SetActive: make Slave the active one, now.
	SetActive struct{ Slave string }

	// ClearActive: drop the active slave. A Reselect follows.
	ClearActive struct{}

	// SetPrimary: Slave is the primary now; "" for none.
	SetPrimary struct{ Slave string }

	// Reselect: choose the active slave by the usual rules. With Force the
	// primary wins whatever primary_reselect says, this once.
	Reselect struct{ Force bool }

	// SetAllSlavesActive: set or clear the inactive flag of every slave that
	// isn't the active one.
	SetAllSlavesActive struct{ On bool }

	// RecheckCarrier: evaluate the bond's carrier again.
	RecheckCarrier struct{}

	// DatapathChanged: what the workers follow changed; publish a snapshot.
	DatapathChanged struct{}

	// LACPChanged: push Option into the ports and aggregators.
	LACPChanged struct{ Option ID }

	// DeviceChanged: the TAP or the slaves' sockets must be opened anew, for
	// Option (Offload, Queues or Express). The bond is down and empty.
	DeviceChanged struct{ Option ID }

	// SetQueueID: Slave takes the frames of TX queue ID; 0 for none.
	SetQueueID struct {
		Slave string
		ID    uint16
	}

	// SetPrio: Slave's priority in reselection. A Reselect follows unless a
	// primary is set.
	SetPrio struct {
		Slave string
		Prio  int32
	}

	// SetActorPortPrio: Slave's LACP port priority.
	SetActorPortPrio struct {
		Slave string
		Prio  uint16
	}

	// SetSpeed: the speed assumed for Slave when its NIC reports none, in
	// Mb/s; 0 assumes nothing.
	SetSpeed struct {
		Slave string
		Mbps  uint32
	}

	// Enslave: take the interface Slave. What is known from Env was checked;
	// the engine may still refuse.
	Enslave struct{ Slave string }

	// Release: let Slave go.
	Release struct{ Slave string }
)

func (ModeChanged) effect()        {}
func (MonitorChanged) effect()     {}
func (TargetAdded) effect()        {}
func (TargetRemoved) effect()      {}
func (TargetsReplaced) effect()    {}
func (SetActive) effect()          {}
func (ClearActive) effect()        {}
func (SetPrimary) effect()         {}
func (Reselect) effect()           {}
func (SetAllSlavesActive) effect() {}
func (RecheckCarrier) effect()     {}
func (DatapathChanged) effect()    {}
func (LACPChanged) effect()        {}
func (DeviceChanged) effect()      {}
func (SetQueueID) effect()         {}
func (SetPrio) effect()            {}
func (SetActorPortPrio) effect()   {}
func (SetSpeed) effect()           {}
func (Enslave) effect()            {}
func (Release) effect()            {}
