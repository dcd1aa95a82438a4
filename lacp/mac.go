package lacp

import "errors"

// MAC is a hardware address.
type MAC [6]byte

// SlowProtocols is the destination of LACP and Marker PDUs (802.3 Annex 57A).
var SlowProtocols = MAC{0x01, 0x80, 0xc2, 0x00, 0x00, 0x02}

const hexDigits = "0123456789abcdef"

// String is the usual form, 02:00:00:00:00:01.
func (m MAC) String() string {
	var b [17]byte
	for i, v := range m {
		b[3*i], b[3*i+1] = hexDigits[v>>4], hexDigits[v&15]
		if i < 5 {
			b[3*i+2] = ':'
		}
	}
	return string(b[:])
}

// MarshalText implements encoding.TextMarshaler with String's form.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler for String's form.
func (m *MAC) UnmarshalText(text []byte) error {
	if len(text) != 17 {
		return errors.New("not a MAC address: " + string(text))
	}
	for i := range m {
		hi, ok1 := hexValue(text[3*i])
		lo, ok2 := hexValue(text[3*i+1])
		if !ok1 || !ok2 || i < 5 && text[3*i+2] != ':' {
			return errors.New("not a MAC address: " + string(text))
		}
		m[i] = hi<<4 | lo
	}
	return nil
}

func hexValue(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// Uint64 is the address as a number, for comparing.
func (m MAC) Uint64() uint64 {
	var n uint64
	for _, v := range m {
		n = n<<8 | uint64(v)
	}
	return n
}
