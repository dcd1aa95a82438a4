package monitor

// Link is the state of a slave's link as the driver numbers it (netlink
// attribute MII_STATUS).
type Link uint8

// Link states.
const (
	LinkUp   Link = 0
	LinkFail Link = 1 // carrier lost, waiting for downdelay
	LinkDown Link = 2
	LinkBack Link = 3 // carrier is back, waiting for updelay
)

// String is the word of /proc/net/bonding.
func (l Link) String() string {
	switch l {
	case LinkUp:
		return "up"
	case LinkFail:
		return "going down"
	case LinkDown:
		return "down"
	case LinkBack:
		return "going back"
	}
	return "unknown"
}

// IPString is the word of iproute2.
func (l Link) IPString() string {
	switch l {
	case LinkUp:
		return "UP"
	case LinkFail:
		return "GOING_DOWN"
	case LinkDown:
		return "DOWN"
	case LinkBack:
		return "GOING_BACK"
	}
	return "UNKNOWN"
}

// Duplex of a link.
type Duplex uint8

// Duplexes; the zero value is unknown.
const (
	DuplexUnknown Duplex = iota
	DuplexHalf
	DuplexFull
)

// String is the word of /proc/net/bonding.
func (d Duplex) String() string {
	switch d {
	case DuplexHalf:
		return "half"
	case DuplexFull:
		return "full"
	}
	return "Unknown"
}

// Speed is what a NIC says of its link; the zero value is unknown.
type Speed struct {
	Mbps   uint32 // 0 unknown
	Duplex Duplex
}
