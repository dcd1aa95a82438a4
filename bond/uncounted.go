package bond

import "strings"

// Counters are numbers by the names of the files in a device's folder
// statistics.
type Counters map[string]uint64

// Uncounted are what the counters of the bond's TAP lack: what the express lane
// carried beside it, and the frames of the host that the bond dropped, which the
// driver counts as tx_dropped.
func (st *State) Uncounted() Counters {
	c := Counters{}
	if st.Express != nil {
		t := st.Express.Traffic
		c = Counters{"rx_packets": t.RxFrames, "rx_bytes": t.RxOctets, "tx_packets": t.TxFrames, "tx_bytes": t.TxOctets}
	}
	for reason, n := range st.Drops {
		if strings.HasPrefix(reason, "tx_") {
			c["tx_dropped"] += n
		}
	}
	return c
}
