package option

import (
	"encoding"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxTargets is the length of arp_ip_target and ns_ip6_target.
const MaxTargets = 16

// MaxVLANs is how many VLAN tags a target may be behind.
const MaxVLANs = 2

// maxVID is the highest VLAN number; 4095 is reserved (802.1Q 9.6).
const maxVID = 4094

// VLANs are the numbers of the tags (802.1Q) that a probe gets, outermost
// first; 0 ends the list.
type VLANs [MaxVLANs]uint16

// Len returns the number of tags.
func (v VLANs) Len() int {
	for i, id := range v {
		if id == 0 {
			return i
		}
	}
	return MaxVLANs
}

// Target is an address to probe. Its text is the address, with the VLANs that
// it is behind where somebody has said so: "192.0.2.1[10]", "192.0.2.1[10/20]".
// Without them the routing table tells.
type Target struct {
	Addr  netip.Addr
	VLANs VLANs
}

var (
	_ encoding.TextMarshaler   = Target{}
	_ encoding.TextUnmarshaler = (*Target)(nil)
)

func (t Target) String() string {
	var b strings.Builder
	b.WriteString(t.Addr.String())
	for i := range t.VLANs.Len() {
		b.WriteByte("[/"[min(i, 1)])
		b.WriteString(strconv.Itoa(int(t.VLANs[i])))
	}
	if t.VLANs != (VLANs{}) {
		b.WriteByte(']')
	}
	return b.String()
}

// MarshalText writes the text of a target, "" for none.
func (t Target) MarshalText() ([]byte, error) {
	if !t.Addr.IsValid() {
		return []byte{}, nil
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (t *Target) UnmarshalText(text []byte) error {
	*t = Target{}
	if len(text) == 0 {
		return nil
	}
	addr, vlans, ok := cutVLANs(string(text))
	if !ok {
		return fmt.Errorf("target %q: invalid VLANs", text)
	}
	a, err := netip.ParseAddr(addr)
	if err == nil {
		t.Addr, t.VLANs = a, vlans
	}
	return err
}

// cutVLANs takes "[10/20]" off the end of a target's text.
func cutVLANs(text string) (addr string, v VLANs, ok bool) {
	addr, list, found := strings.Cut(text, "[")
	if !found {
		return text, VLANs{}, true
	}
	list, found = strings.CutSuffix(list, "]")
	ids := strings.Split(list, "/")
	if !found || len(ids) > MaxVLANs {
		return "", VLANs{}, false
	}
	for i, id := range ids {
		n, err := strconv.ParseUint(id, 10, 16)
		if err != nil || n == 0 || n > maxVID {
			return "", VLANs{}, false
		}
		v[i] = uint16(n)
	}
	return addr, v, true
}

// Targets is a dense list of targets: the first without an address ends it.
type Targets [MaxTargets]Target

// Len returns the number of targets.
func (t *Targets) Len() int {
	for i := range t {
		if !t[i].Addr.IsValid() {
			return i
		}
	}
	return MaxTargets
}

// List returns the targets in a new slice.
func (t *Targets) List() []Target { return append([]Target(nil), t[:t.Len()]...) }

// Add appends a target, unless its address is there or the list is full.
func (t *Targets) Add(x Target) bool {
	n := t.Len()
	if n == MaxTargets || t.index(x.Addr) >= 0 {
		return false
	}
	t[n] = x
	return true
}

// index finds an address: an answer doesn't say in which VLAN it was asked
// for, so that no address can be in the list twice.
func (t *Targets) index(a netip.Addr) int {
	for i := range t.Len() {
		if t[i].Addr == a {
			return i
		}
	}
	return -1
}

func (t *Targets) remove(i int) {
	copy(t[i:], t[i+1:])
	t[MaxTargets-1] = Target{}
}

func (t *Targets) join() string {
	var b strings.Builder
	for i := range t.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(t[i].String())
	}
	return b.String()
}
