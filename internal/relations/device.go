package relations

// NetNS is a network namespace: 0 for the one that the devices were read in, else
// one more than the number by which that one knows it (ip netns list-id).
type NetNS int

// Here is the namespace that the devices were read in.
const Here NetNS = 0

// Other is the namespace with a number.
func Other(nsid int) NetNS { return NetNS(nsid + 1) }

// Number is the namespace's number, -1 for Here.
func (n NetNS) Number() int { return int(n) - 1 }

// ID identifies a device. The zero ID is none.
type ID struct {
	NetNS NetNS
	Index int
}

// Local is the ID of a device of the namespace that the devices were read in.
func Local(index int) ID { return ID{Index: index} }

// Tag is a VLAN tag.
type Tag struct {
	TPID uint16 // 0x8100 or 0x88a8
	VID  uint16
}

// CTag is the EtherType of an 802.1Q tag, STag that of 802.1ad.
const (
	CTag = 0x8100
	STag = 0x88a8
)

// Device is one network device.
type Device struct {
	ID
	Name  string
	Alias string
	Kind  string // vlan, bridge, veth …; empty for hardware
	MAC   [6]byte
	Up    bool // administratively
	NoARP bool
	// Link is the device that this one is stacked on, refers to or is paired with;
	// which of these it is, Kind tells. Zero for none.
	Link ID
	// Master is the device that this one is a port of; zero for none.
	Master ID
	// Tag is what a VLAN device adds.
	Tag Tag
	// Filtering is set of a VLAN-aware bridge.
	Filtering *Filtering
	// VLANs are those of a VLAN-aware bridge's port, and of the bridge itself.
	VLANs []VLAN
}

// Filtering is how a VLAN-aware bridge tags frames.
type Filtering struct{ TPID uint16 }

// VLAN is one VLAN of a bridge's port.
type VLAN struct {
	VID      uint16
	PVID     bool // frames without a tag belong to it
	Untagged bool // its frames leave without a tag
}

// stackedOn returns the devices below d: the one that it is stacked on or refers
// to. The ports of a master are found from their side.
func (d *Device) stackedOn() ID {
	if paired[d.Kind] || d.Link == d.ID {
		return ID{}
	}
	return d.Link
}
