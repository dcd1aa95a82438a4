package partner

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
)

// Device is a real device, by the first LACPDU of each of its ports.
type Device struct {
	Name  string
	First [][]byte // a payload for each link, from the subtype on
}

//go:embed devices.txt
var devices string

// Devices returns the devices of devices.txt, in order.
func Devices() ([]Device, error) {
	var out []Device
	for i, line := range strings.Split(devices, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		cols := strings.Split(line, "|")
		if len(cols) != 3 {
			return nil, fmt.Errorf("devices.txt:%d: %d columns", i+1, len(cols))
		}
		name := strings.TrimSpace(cols[0])
		first, err := payload(strings.Fields(cols[2]))
		if err != nil {
			return nil, fmt.Errorf("devices.txt:%d: %w", i+1, err)
		}
		if n := len(out); n == 0 || out[n-1].Name != name {
			out = append(out, Device{Name: name})
		}
		d := &out[len(out)-1]
		d.First = append(d.First, first)
	}
	return out, nil
}

// payload makes the bytes of one line.
func payload(words []string) ([]byte, error) {
	const pduLen = FrameLen - OffSubtype
	var b []byte
	fcs := false
	for _, w := range words {
		var n int
		switch {
		case w == "fcs":
			fcs = true
		case w == "PART0":
			b = append(b, append([]byte{2, 20}, make([]byte, 18)...)...)
		case strings.HasPrefix(w, "0*"):
			if _, err := fmt.Sscanf(w, "0*%d", &n); err != nil {
				return nil, err
			}
			b = append(b, make([]byte, n)...)
		default:
			more, err := hex.DecodeString(w)
			if err != nil {
				return nil, err
			}
			b = append(b, more...)
		}
	}
	if len(b) > pduLen {
		return nil, fmt.Errorf("%d bytes", len(b))
	}
	b = append(b, make([]byte, pduLen-len(b))...)
	if fcs {
		b = append(b, 0xde, 0xad, 0xbe, 0xef)
	}
	return b, nil
}

// Actor is what the device's port says of itself, as it would while it is in a
// LAG: in sync, and over what made it say Defaulted or Expired.
func (d *Device) Actor(link int) Info {
	i := get(d.First[link][OffActor-OffSubtype:])
	i.State = i.State&(Activity|Timeout|Aggregate) | Sync
	return i
}

// Tamper has a port's frame say what the device says behind the blocks of actor
// and partner.
func (d *Device) Tamper(link int) func(Frame) Frame {
	rest := d.First[link][OffCollector-OffSubtype:]
	return func(f Frame) Frame { return append(append(Frame{}, f[:OffCollector]...), rest...) }
}
