package vnet

// Malformed is the error for a frame whose offload header makes no sense for
// it. Its values are constants: returning one allocates nothing.
type Malformed string

// Error says what is wrong.
func (m Malformed) Error() string { return "offload header: " + string(m) }

// What is wrong with a super-frame.
const (
	errHdr      Malformed = "offsets or type do not fit the frame"
	errPath     Malformed = "no known way from the Ethernet header to the checksum's start"
	errL4       Malformed = "L4 header is not the one the GSO type names"
	errTooMany  Malformed = "too many segments"
	errLong     Malformed = "segment longer than its length fields can say"
	errFragment Malformed = "no place or room for fragments"
)
