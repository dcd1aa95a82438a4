package link

import (
	"fmt"
	"net/netip"

	"github.com/tapbond/tapbond/internal/relations"
)

// Info is what there is to know of a link.
type Info struct {
	Index    int
	Name     string
	MAC      [6]byte // zero if the link has no 6-octet address
	PermMAC  [6]byte // burnt-in address, zero if it has none
	MTU      int
	Up       bool // administratively
	Carrier  bool
	Promisc  bool
	AllMulti bool
	Loopback bool
	Master   bool // IFF_MASTER
	Slave    bool // IFF_SLAVE
	NoARP    bool
	Type     uint16 // ARPHRD_*
	Kind     string // veth, tun, bond, …; empty for hardware
	// MasterIndex is the device it is enslaved to, ParentIndex the one it is
	// stacked on (or its veth peer's index); 0 for none.
	MasterIndex int
	ParentIndex int
}

// Prompt reports whether the kernel tells of the link's lost carrier at once. News
// of a device that isn't stacked on another one, or paired with one, is put off by
// up to a second if there was other such news, from any network namespace.
func (i Info) Prompt() bool { return i.ParentIndex != 0 && i.ParentIndex != i.Index }

// Host is the part of the system that owns links.
type Host interface {
	LinkByName(name string) (Info, error)
	LinkByIndex(index int) (Info, error)
	SetMAC(index int, mac [6]byte) error
	SetMTU(index, mtu int) error
	SetUp(index int) error
	SetDown(index int) error
	// SaveSlave notes how a NIC is before it becomes a slave; RestoreSlave
	// leaves it so again, but down.
	SaveSlave(index int) (Saved, error)
	RestoreSlave(index int, s Saved) error
	// IPv6Off reports whether IPv6 is switched off on a link.
	IPv6Off(name string) bool
	// Links are all links.
	Links() ([]Info, error)
	// Unsaved is how a slave's NIC probably was if nobody noted it: its permanent
	// address, the sysctls of a new device, its filters on.
	Unsaved(Info) (Saved, error)
	// RestoreInUse is RestoreSlave for a NIC that somebody uses now: it isn't set down.
	RestoreInUse(index int, s Saved) error
	// RestoreMoved leaves a NIC that was moved to another namespace as it was before
	// it became a slave; ErrUnreachable if this process can't go there.
	RestoreMoved(Moved) error
	// PrepareSlave keeps the host's stack from using the NIC by itself.
	PrepareSlave(index int) error
	// AddressLists are the addresses the link receives beside its own.
	AddressLists(index int) (unicast, multicast [][6]byte, err error)
	// Uppers are the devices of this namespace that send through a link with an
	// Ethernet header of their own, at any depth, nearest first (relations.Speakers).
	Uppers(index int) ([]Upper, error)
	// Relations reads how all devices depend on each other, with those of other
	// namespaces as far as they can be reached from here.
	Relations() (*relations.Map, error)
	// PassVLANs has a NIC that filters VLANs receive those wanted, and undoes what
	// was done for others before; RestoreSlave undoes all of it. With an error there
	// is a way all the same, if only promiscuous mode.
	PassVLANs(m *relations.Map, index int, saved Saved, want []Tag) (VLANPass, error)
	// Addresses are the IP addresses of a link that are in use (not tentative,
	// no duplicates), in the kernel's order.
	Addresses(index int) ([]netip.Prefix, error)
	// OnLink looks up the route to an address and returns where it leads if that is
	// without a gateway, else ENETUNREACH.
	OnLink(to netip.Addr, w Way) (Hop, error)
	// Ways are the ways, beside the plain one, in which routes are looked up for
	// devices with these addresses: those of VRFs that the devices are in, and of ip
	// rules for a device, a source or a mark.
	Ways(devices []Info, addrs []netip.Addr) ([]Way, error)
	// Groups are the multicast groups joined on a link.
	Groups(index int) (Groups, error)
	// IPv6Router reports whether the link forwards IPv6.
	IPv6Router(name string) bool
}

// Upper is a device that sends through another one.
type Upper struct {
	Info
	// Tags are on what it sends, outermost first.
	Tags []Tag
}

// Tag is a VLAN tag.
type Tag = relations.Tag

// MACString is the usual form of an address.
func MACString(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}
