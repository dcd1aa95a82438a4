package lacp

// Bits is the state octet of a LACPDU: 6.4.2.3 m).
type Bits uint8

// The bits, least significant first.
const (
	Activity        Bits = 1 << iota // speaks first
	ShortTimeout                     // wants a PDU a second
	Aggregation                      // may be aggregated; if not, is Individual
	Synchronization                  // is attached to the right aggregator
	Collecting
	Distributing
	Defaulted // uses defaults for want of a partner
	Expired   // has waited for a PDU too long
)

// bitNames are iproute2's words.
var bitNames = [8]string{"active", "short_timeout", "aggregating", "in_sync", "collecting", "distributing", "defaulted", "expired"}

// Has reports whether all of mask is set.
func (b Bits) Has(mask Bits) bool { return b&mask == mask }

// With returns b with mask set or cleared.
func (b Bits) With(mask Bits, on bool) Bits {
	if on {
		return b | mask
	}
	return b &^ mask
}

// Names are iproute2's words for the bits that are set, in order; never nil.
func (b Bits) Names() []string {
	out := make([]string, 0, 8)
	for i, n := range bitNames {
		if b&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// String joins the names with commas.
func (b Bits) String() string {
	s := ""
	for _, n := range b.Names() {
		if s != "" {
			s += ","
		}
		s += n
	}
	return s
}
