package option

// ID names an option. Its order means nothing and it is never stored.
type ID uint8

// The options, by the driver's names; the last twelve are tapbond's own.
const (
	_ ID = iota
	Mode
	Miimon
	Updelay
	Downdelay
	PeerNotifDelay
	UseCarrier
	ArpInterval
	ArpIPTarget
	NSIP6Target
	ArpValidate
	ArpAllTargets
	ArpMissedMax
	Primary
	PrimaryReselect
	ActiveSlave
	FailOverMAC
	NumGratArp
	ResendIGMP
	AllSlavesActive
	XmitHashPolicy
	PacketsPerSlave
	LPInterval
	TLBDynamicLB
	MinLinks
	LACPRate
	LACPActive
	ADSelect
	ADActorSysPrio
	ADActorSystem
	ADUserPortKey
	CoupledControl
	BroadcastNeighbor
	LACPStrict
	Slaves
	QueueID
	Prio
	ActorPortPrio
	MaxLinks
	LACPFallback
	LACPFallbackDelay
	ADSelectHold
	ALBIPv6
	Offload
	Queues
	FlapHold
	PrioTie
	Readd
	Speed
	Express
	idCount
)

// The modes, with the driver's numbers.
const (
	BalanceRR    uint32 = 0
	ActiveBackup uint32 = 1
	BalanceXOR   uint32 = 2
	Broadcast    uint32 = 3
	LACP         uint32 = 4 // 802.3ad
	BalanceTLB   uint32 = 5
	BalanceALB   uint32 = 6
)

// Numbers of primary_reselect, fail_over_mac, lacp_fallback, prio_tie, readd and
// offload.
const (
	ReselectAlways  uint32 = 0
	ReselectBetter  uint32 = 1
	ReselectFailure uint32 = 2

	FailOverMACNone   uint32 = 0
	FailOverMACActive uint32 = 1
	FailOverMACFollow uint32 = 2

	FallbackNone         uint32 = 0
	FallbackSingle       uint32 = 1
	FallbackActiveBackup uint32 = 2

	TieCurrent uint32 = 0
	TieFirst   uint32 = 1

	ReaddAuto uint32 = 0
	ReaddOn   uint32 = 1
	ReaddOff  uint32 = 2

	OffloadOff  uint32 = 0
	OffloadOn   uint32 = 1
	OffloadAuto uint32 = 2
)

// UsesPrimary reports whether mode keeps an active slave that the user may
// name: active-backup, balance-tlb and balance-alb.
func UsesPrimary(mode uint32) bool { return primaryModes.Has(mode) }

// ModeName returns the driver's name of mode, "unknown" for none of its.
func ModeName(mode uint32) string {
	if s, ok := Get(Mode).nameOf(mode); ok {
		return s
	}
	return "unknown"
}
