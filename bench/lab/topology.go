package lab

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
)

// SwitchKind says what stands between the links and host B.
type SwitchKind uint8

// Switch kinds.
const (
	// OneSwitch is a bridge br0 with one port for each link and one for B.
	OneSwitch SwitchKind = iota
	// NoSwitch takes every link straight to B, which has as many NICs as A:
	// the place for a LACP partner.
	NoSwitch
	// PerSlaveSwitch gives each link a bridge of its own. B is behind br0; the
	// others reach it over trunks to br0.
	PerSlaveSwitch
)

var switchKindNames = [...]string{"one", "none", "per-slave"}

// String is the kind's name: one, none, per-slave.
func (k SwitchKind) String() string {
	if int(k) < len(switchKindNames) {
		return switchKindNames[k]
	}
	return fmt.Sprintf("switch kind %d", uint8(k))
}

// MaxSlaves is the largest number of links in a lab.
const MaxSlaves = 32

// DefaultMTU is the links' MTU where Topology.MTU is 0.
const DefaultMTU = 1500

// Topology is the plan of a lab. The zero value of each field but Name and
// Slaves is a sensible default.
type Topology struct {
	// Name tells labs apart: lower case letters, digits and dashes, at most 40.
	Name string
	// Slaves is the number of links of A, 1 to MaxSlaves.
	Slaves int
	// MTU of every device in octets, 68 to 65535; 0 means DefaultMTU.
	MTU int `json:",omitempty"`
	// NICLike gives A's end of each link the interface index of its peer. The
	// kernel takes such a device for a physical one: news of a lost carrier is
	// batched and can be late by up to a second. Otherwise the indexes differ
	// and the news is immediate.
	NICLike bool `json:",omitempty"`
	// Wire puts the wire namespace into each link. Without it links can lose
	// their carrier but no frames.
	Wire bool `json:",omitempty"`
	// Switch is what the links lead to.
	Switch SwitchKind `json:",omitempty"`
	// STP switches the spanning tree protocol on in the bridges, with the
	// shortest forward delay there is (2 s listening, 2 s learning): ports
	// forward 4 s after their carrier. Off: ports forward at once.
	STP bool `json:",omitempty"`
	// PeerOffloads leaves checksum, segmentation and receive offloads on
	// everywhere but at A. Off: what A receives looks like it came off a wire,
	// frames of at most MTU with finished checksums.
	PeerOffloads bool `json:",omitempty"`
	// SlavesUp sets A's ends administratively up. Off: the bond will do it.
	SlavesUp bool `json:",omitempty"`
}

var nameRE = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$`)

// Validate reports the first thing wrong with the plan.
func (t Topology) Validate() error {
	switch {
	case !nameRE.MatchString(t.Name):
		return fmt.Errorf("lab name %q: want lower case letters, digits and dashes, at most 40", t.Name)
	case t.Slaves < 1 || t.Slaves > MaxSlaves:
		return fmt.Errorf("lab %s: %d slaves: want 1 to %d", t.Name, t.Slaves, MaxSlaves)
	case t.MTU != 0 && (t.MTU < 68 || t.MTU > 65535):
		return fmt.Errorf("lab %s: mtu %d: want 68 to 65535", t.Name, t.MTU)
	case int(t.Switch) >= len(switchKindNames):
		return fmt.Errorf("lab %s: unknown %s", t.Name, t.Switch)
	case t.STP && t.Switch == NoSwitch:
		return fmt.Errorf("lab %s: stp without a switch", t.Name)
	}
	return nil
}

func (t Topology) mtu() int {
	if t.MTU == 0 {
		return DefaultMTU
	}
	return t.MTU
}

// Addresses of the two hosts. The lab gives B's to its eth0 behind a switch;
// everything else is the caller's to assign (Host.Assign).
var (
	AddrA4 = netip.MustParsePrefix("10.99.0.1/24")
	AddrB4 = netip.MustParsePrefix("10.99.0.2/24")
	AddrA6 = netip.MustParsePrefix("fd99::1/64")
	AddrB6 = netip.MustParsePrefix("fd99::2/64")
)

// MAC addresses: fixed, so that hashes and captures repeat. i counts from 0.

// SlaveMAC is the address of A's ethI: 02:00:00:00:00:01 and on.
func SlaveMAC(i int) net.HardwareAddr { return mac(0x00, i) }

// PortMAC is the address at the other end of link i, a switch's port or B's
// ethI: 02:00:00:00:01:01 and on.
func PortMAC(i int) net.HardwareAddr { return mac(0x01, i) }

// HostMAC is the address of B's eth0 behind a switch: 02:00:00:00:02:01.
func HostMAC() net.HardwareAddr { return mac(0x02, 0) }

func bridgeMAC(i int) net.HardwareAddr { return mac(0x03, i) }

func wireMAC(side, i int) net.HardwareAddr { return mac(byte(0x10+side), i) }

func trunkMAC(side, i int) net.HardwareAddr { return mac(byte(0x20+side), i) }

func mac(group byte, i int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0, 0, 0, group, byte(i + 1)}
}

// Interface indexes. They are chosen, not left to the kernel, so that a pair
// has equal or different ones at will.
const (
	indexSlave  = 100 // A.ethI
	indexWireB  = 200 // Wire.bI
	indexPort   = 300 // Switch.pI, or B.ethI
	indexPeer   = 400 // the peer of A.ethI where it must differ
	indexHost   = 500 // B.eth0 and Switch.h0
	indexBridge = 600 // Switch.brI
	indexTrunk  = 700 // Switch.tI and uI
	indexMore   = 800 // Switch.mI and the eth0 behind it
)
