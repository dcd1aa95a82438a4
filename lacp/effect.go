package lacp

// Effect is something that the caller must do, in the order given. All of one
// Step belong together: the fast path sees them as one change. What stops
// collecting or distributing comes before what starts.
type Effect interface{ lacpEffect() }

type (
	// SetDistributing: the port is, or is no longer, one of those that frames
	// are distributed over.
	SetDistributing struct {
		Port PortID
		On   bool
		Why  string
	}

	// SetCollecting: frames received on the port are delivered, or dropped.
	SetCollecting struct {
		Port PortID
		On   bool
		Why  string
		// Drain: the partner, the same as ever, has said that it stops. What it sent
		// before may still be on its way through the receiver, and is wanted.
		Drain bool
	}

	// SendPDU: send a LACPDU on the port, now; SendFailed if it can't be sent.
	SendPDU struct {
		Port PortID
		PDU  LACPDU
	}

	// SendMarkerResponse: send it on the port, after all that was received on
	// the port before the Marker has been delivered.
	SendMarkerResponse struct {
		Port   PortID
		Marker Marker
	}

	// PortDrained: the port that is leaving can be removed, nothing is lost.
	PortDrained struct{ Port PortID }

	// ActiveAggregator: the active aggregator is another one; 0 for none.
	ActiveAggregator struct {
		ID  int
		Why string
	}

	// Carrier: the bond's carrier.
	Carrier struct {
		Up  bool
		Why string
	}

	// NotifyPeers: announce the bond's addresses (gratuitous ARP and so on) on
	// the port, which has just begun to distribute.
	NotifyPeers struct{ Port PortID }

	// Log: something changed that people want to read. Port is 0 with Bond.
	Log struct {
		Bond    bool // it is about the bond, not about one port
		Port    PortID
		Warn    bool
		Kind    string // machine-readable: partner_changed, port_expired, …
		Message string // the kernel's wording where it has one
		From    string
		To      string
		Why     string
	}
)

func (SetDistributing) lacpEffect()    {}
func (SetCollecting) lacpEffect()      {}
func (SendPDU) lacpEffect()            {}
func (SendMarkerResponse) lacpEffect() {}
func (PortDrained) lacpEffect()        {}
func (ActiveAggregator) lacpEffect()   {}
func (Carrier) lacpEffect()            {}
func (NotifyPeers) lacpEffect()        {}
func (Log) lacpEffect()                {}
