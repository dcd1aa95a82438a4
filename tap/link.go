package tap

import (
	"fmt"

	"github.com/safchain/ethtool"
	"golang.org/x/sys/unix"
)

// Duplex of a link, as ethtool numbers it.
type Duplex uint8

// Duplexes.
const (
	DuplexHalf    Duplex = 0
	DuplexFull    Duplex = 1
	DuplexUnknown Duplex = 0xff
)

// What ethtool calls a speed that isn't known, and the connector of a device that
// has none, as the driver's bond says it.
const (
	speedUnknown = ^uint32(0) // SPEED_UNKNOWN
	portOther    = 0xff       // PORT_OTHER
)

// SetCarrier implements Device.
func (d *device) SetCarrier(up bool) error {
	on := 0
	if up {
		on = 1
	}
	err := d.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TUNSETCARRIER, on) })
	if err != nil {
		return fmt.Errorf("tap %s: TUNSETCARRIER: %w", d.name, err)
	}
	return nil
}

// SetSpeed implements Device.
func (d *device) SetSpeed(mbps uint32, duplex Duplex) error {
	name, err := nameOf(d.index)
	if err != nil {
		return fmt.Errorf("tap %s: %w", d.name, err)
	}
	e, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("tap %s: ethtool: %w", d.name, err)
	}
	defer e.Close()
	// The library's GetLinkSettings asks for a size no kernel has and says so on
	// stdout; the older command carries all a TAP has to tell.
	var cmd ethtool.EthtoolCmd
	if _, err := e.CmdGet(&cmd, name); err != nil {
		return fmt.Errorf("tap %s: ETHTOOL_GSET: %w", d.name, err)
	}
	if mbps == 0 {
		mbps = speedUnknown
	}
	cmd.Speed, cmd.Speed_hi, cmd.Duplex, cmd.Port = uint16(mbps), uint16(mbps>>16), uint8(duplex), portOther
	cmd.Mdio_support = mark
	if _, err := e.CmdSet(&cmd, name); err != nil {
		return fmt.Errorf("tap %s: ETHTOOL_SSET: %w", d.name, err)
	}
	return nil
}
