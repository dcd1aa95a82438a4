package relations

// Nature is what a kind of device does to the device below it.
type Nature struct {
	// Speaks: what the device sends leaves through the lower one with an Ethernet
	// header of its own, so its addresses are known to neighbours by that way.
	Speaks bool
	// Claims: it receives all frames of the lower device before the host's stack
	// (the kernel's receive handler, of which a device has one).
	Claims bool
	// Passes: VLAN ids of devices above it must be received by the lower device.
	Passes bool
}

// kinds are the kinds of devices whose relation to a lower device is known. What is
// not listed merely refers to the device that it names as its link: tunnels (gre,
// gretap, ipip, sit, vxlan, geneve), VRF.
var kinds = map[string]Nature{
	"vlan":    {Speaks: true},
	"macvlan": {Speaks: true, Claims: true, Passes: true},
	"macvtap": {Speaks: true, Claims: true, Passes: true},
	"ipvlan":  {Speaks: true, Claims: true, Passes: true},
	"ipvtap":  {Speaks: true, Claims: true, Passes: true},
	"bridge":  {Speaks: true, Claims: true, Passes: true},
	// A bond chooses among its slaves and announces its own failovers.
	"bond": {Claims: true, Passes: true},
	"team": {Claims: true, Passes: true},
	// What these send is encrypted, encapsulated or chosen by tables of their own.
	"macsec":      {Claims: true},
	"openvswitch": {Claims: true},
	"batadv":      {Claims: true},
	"hsr":         {Claims: true},
	"rmnet":       {Claims: true},
}

// NatureOf returns what a kind of device does to the one below it.
func NatureOf(kind string) Nature { return kinds[kind] }

// paired are kinds whose link is their peer, not a device below them.
var paired = map[string]bool{"veth": true, "netkit": true, "vxcan": true}
