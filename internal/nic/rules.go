package nic

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// BypassedRules lists what would judge the frames that arrive on an interface, and
// doesn't judge those that the bond receives: packet sockets are served before the
// hooks of tc and nftables. XDP programs are not listed: they come first of all.
// redirected: frames are also sent there by a redirect of tc's, which goes around
// nftables on the way out.
func BypassedRules(index int, name string, redirected bool) ([]string, error) {
	var out []string
	h := &Hook{what: "rules", index: index, parent: ingress}
	filters, err := h.filters(ingress)
	for _, f := range filters {
		a := f.Attrs()
		ours := a.Handle == hookHandle && f.Type() == "bpf" && a.Priority >= firstPref && a.Priority <= lastPref
		if !ours && a.Handle != 0 { // a line without a handle is the head of a list
			out = append(out, fmt.Sprintf("tc ingress filter (%s, pref %d)", f.Type(), a.Priority))
		}
	}
	progs, qerr := link.QueryPrograms(link.QueryOptions{Target: index, Attach: ebpf.AttachTCXIngress})
	if qerr == nil {
		for _, p := range progs.Programs {
			out = append(out, fmt.Sprintf("tcx ingress program (id %d)", p.ID))
		}
	}
	chains, nerr := nftChains(name, redirected)
	return append(out, chains...), errors.Join(err, nerr)
}
