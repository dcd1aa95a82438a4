package lab

import (
	"fmt"

	"github.com/safchain/ethtool"
)

// offloadFeatures are ethtool's names of what makes a veth carry frames that
// no wire could: unfinished checksums, super-frames, merged ones.
var offloadFeatures = []string{
	"tx-checksum-ip-generic",
	"tx-checksum-sctp",
	"tx-tcp-segmentation",
	"tx-tcp-ecn-segmentation",
	"tx-tcp-mangleid-segmentation",
	"tx-tcp6-segmentation",
	"tx-udp-segmentation",
	"tx-generic-segmentation",
	"tx-gso-list",
	"rx-gro",
	"rx-gro-list",
	"rx-udp-gro-forwarding",
}

// Offloads switches checksum, segmentation and receive offloads of a device
// on or off, all those it has and that may be changed.
func (h *Host) Offloads(ifname string, on bool) error {
	return h.Do(func() error {
		e, err := ethtool.NewEthtool()
		if err != nil {
			return fmt.Errorf("ethtool: %w", err)
		}
		defer e.Close()
		states, err := e.FeaturesWithState(ifname)
		if err != nil {
			return fmt.Errorf("%s %s: ethtool features: %w", h.Name, ifname, err)
		}
		change := make(map[string]bool)
		for _, name := range offloadFeatures {
			s, ok := states[name]
			if ok && s.Available && !s.NeverChanged && s.Active != on {
				change[name] = on
			}
		}
		if len(change) == 0 {
			return nil
		}
		if err := e.Change(ifname, change); err != nil {
			return fmt.Errorf("%s %s: ethtool features: %w", h.Name, ifname, err)
		}
		return nil
	})
}
