package policy

// Mode 802.3ad spreads flows over the ports that distribute, as balance-xor
// does over its usable slaves: which ports distribute is LACP's decision, and
// reaches the selector as Snapshot.Usable. So its selector is xor, unless
// broadcast_neighbor is on.

// neighbors is 802.3ad with broadcast_neighbor: ARP and neighbour discovery go
// out on every port that distributes, so that two switches that don't share
// their tables both learn where the host is; the rest as in xor.
type neighbors struct{ xor }

var _ Fanout = neighbors{}

// NewNeighbors returns the selector of 802.3ad with broadcast_neighbor.
func NewNeighbors() Selector { return neighbors{} }

// Fanout names every usable slave for ARP, neighbour solicitations and
// advertisements, and the flow's slave for anything else. It allocates only if
// dst has too little room.
func (n neighbors) Fanout(s *Snapshot, q *Queue, f *Frame, dst []int) ([]int, Reason) {
	if len(s.Usable) > 0 && (f.IsARP() || f.IsNeighbor()) {
		return append(dst, s.Usable...), None
	}
	to, why := n.Select(s, q, f)
	if to < 0 {
		return dst, why
	}
	return append(dst, to), None
}
