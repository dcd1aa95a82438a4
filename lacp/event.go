package lacp

// PortID is the caller's name for a port. It is never given to another one.
type PortID int

// Event is something that Machine.Step is told.
type Event interface{ lacpEvent() }

// DefaultPortPriority is actor_port_prio unless set (kernel).
const DefaultPortPriority = 255

type (
	// Tick: time has passed. Deadlines are looked at with every event, so Tick
	// is only for when there is no other.
	Tick struct{}

	// Configure: the settings are these now.
	Configure struct{ Config Config }

	// Admin: the bond is set up or down. Down, every port says goodbye and
	// stops; up, all begin anew. A Machine begins down.
	Admin struct{ Up bool }

	// PortAdded: a port joined, at the end of the list, without link.
	PortAdded struct {
		Port PortID
		// Name is for messages.
		Name string
		// Number is the port number it had before, if it is known: a partner
		// knows the port by it. 0, or one in use: the lowest free one from 1.
		Number uint16
		// Priority is actor_port_prio.
		Priority uint16
		// Memory is what the port remembers of another process; nil if nothing. It
		// counts if the port has a link when the bond is set up.
		Memory *PortMemory
	}

	// PortLeaving: the port shall go without losing a frame. It stops
	// distributing and says goodbye, but goes on collecting until the partner has
	// stopped too, or a second has passed; PortDrained says so. Then remove it.
	PortLeaving struct{ Port PortID }

	// PortRemoved: the port is gone, after the goodbye that is among the effects
	// unless it left before.
	PortRemoved struct{ Port PortID }

	// PortLink: the port's link is up or down. Saying it again is harmless; a
	// change of speed or duplex of a link that is up is told in the same way.
	PortLink struct {
		Port PortID
		Up   bool
		Mbps uint32 // 0 unknown: a class of its own
		// HalfDuplex: LACP is for full duplex. Unknown counts as full.
		HalfDuplex bool
	}

	// PortPriority: actor_port_prio changed.
	PortPriority struct {
		Port     PortID
		Priority uint16
	}

	// Frame: a frame with EtherType 0x8809 arrived on a port. Frames that aren't
	// for LACP or Marker are counted, no more.
	Frame struct {
		Port PortID
		// Data is the frame from its destination address on, with or without FCS. It
		// is borrowed for the call.
		Data []byte
		// InVLAN: a tag that isn't in Data named a VLAN. A priority tag (VLAN 0)
		// names none.
		InVLAN bool
	}

	// PDU: a LACPDU arrived on a port: Frame for those who have it decoded.
	PDU struct {
		Port PortID
		PDU  LACPDU
	}

	// MarkerPDU: a Marker PDU arrived on a port; likewise.
	MarkerPDU struct {
		Port   PortID
		Marker Marker
	}

	// SendFailed: the last SendPDU of this port didn't leave. It is tried again.
	SendFailed struct{ Port PortID }

	// PortRenamed: a port has a new name, for messages.
	PortRenamed struct {
		Port PortID
		Name string
	}
)

func (Tick) lacpEvent()         {}
func (Configure) lacpEvent()    {}
func (Admin) lacpEvent()        {}
func (PortAdded) lacpEvent()    {}
func (PortLeaving) lacpEvent()  {}
func (PortRemoved) lacpEvent()  {}
func (PortLink) lacpEvent()     {}
func (PortPriority) lacpEvent() {}
func (Frame) lacpEvent()        {}
func (PDU) lacpEvent()          {}
func (MarkerPDU) lacpEvent()    {}
func (SendFailed) lacpEvent()   {}
func (PortRenamed) lacpEvent()  {}
