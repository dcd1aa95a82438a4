package option

import "encoding/json"

// DefaultMiimon is the interval in ms that modes 4, 5 and 6 are given when
// they are entered with miimon 0: they can't do without.
const DefaultMiimon = 100

// MAC is a hardware address.
type MAC [6]byte

// Values holds the settings of one bond. It is a plain value: copy and compare
// it freely. Numbers are the driver's; the units are those of the table.
type Values struct {
	Mode       uint32
	Miimon     uint32 // ms, 0 = no MII monitor
	UseCarrier uint32

	// The delays are kept as the driver keeps them, in ticks of Miimon: a
	// later change of miimon rescales the milliseconds.
	UpdelayTicks        uint32
	DowndelayTicks      uint32
	PeerNotifDelayTicks uint32

	ArpInterval   uint32 // ms, 0 = no ARP monitor
	ArpIPTarget   Targets
	NSIP6Target   Targets
	ArpValidate   uint32
	ArpAllTargets uint32
	ArpMissedMax  uint32

	// Primary is the name asked for, "" for none. It is the primary slave only
	// while a slave has that name.
	Primary         string
	PrimaryReselect uint32
	FailOverMAC     uint32
	NumGratArp      uint32
	ResendIGMP      uint32
	AllSlavesActive uint32

	XmitHashPolicy  uint32
	PacketsPerSlave uint32
	LPInterval      uint32 // s
	TLBDynamicLB    uint32
	MinLinks        uint32

	LACPRate          uint32
	LACPActive        uint32
	ADSelect          uint32
	ADActorSysPrio    uint32
	ADActorSystem     MAC // zero: the bond's own address
	ADUserPortKey     uint32
	CoupledControl    uint32
	BroadcastNeighbor uint32
	LACPStrict        uint32

	MaxLinks          uint32
	LACPFallback      uint32
	LACPFallbackDelay uint32 // ms
	ADSelectHold      uint32 // ms
	ALBIPv6           uint32
	Offload           uint32
	Express           uint32
	Queues            uint32
	FlapHold          uint32 // ms
	PrioTie           uint32
	Readd             uint32

	// TxQueues is the highest queue id, as the module's tx_queues says; 0 is
	// DefaultTxQueues.
	TxQueues uint32
}

// Defaults returns the settings of a new bond, which are the driver's: miimon
// is 0.
func Defaults() Values {
	var v Values
	for i := range table {
		if o := &table[i]; o.field != nil {
			*o.field(&v) = o.Default
		}
	}
	return v
}

// UnmarshalJSON reads what an older program may have written: options that it
// didn't know have their defaults.
func (v *Values) UnmarshalJSON(text []byte) error {
	type plain Values
	p := plain(Defaults())
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	*v = Values(p)
	return nil
}

// Has reports whether an option with one number has the value asked for
// already.
func (v *Values) Has(a Assign) bool {
	o := ByName(a.Option)
	if o == nil || o.field == nil {
		return false
	}
	n, ok := o.Parse(a.Value)
	return ok && *o.field(v) == n
}

// Updelay returns updelay in ms.
func (v *Values) Updelay() uint64 { return v.ms(v.UpdelayTicks) }

// Downdelay returns downdelay in ms.
func (v *Values) Downdelay() uint64 { return v.ms(v.DowndelayTicks) }

// PeerNotifDelay returns peer_notif_delay in ms.
func (v *Values) PeerNotifDelay() uint64 { return v.ms(v.PeerNotifDelayTicks) }

func (v *Values) ms(ticks uint32) uint64 { return uint64(ticks) * uint64(v.Miimon) }
