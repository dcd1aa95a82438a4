package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/tapbond/tapbond/bond"
)

// showVLANFilters prints how VLANs stacked on the bond pass the filters of the slaves'
// NICs, one line for the NICs that do it alike.
func showVLANFilters(w io.Writer, st *bond.State) {
	nics := map[bond.VLANFilterState][]string{}
	var order []bond.VLANFilterState
	for _, s := range st.Slaves {
		if s.VLANFilter == nil {
			continue
		}
		if nics[*s.VLANFilter] == nil {
			order = append(order, *s.VLANFilter)
		}
		nics[*s.VLANFilter] = append(nics[*s.VLANFilter], s.Name)
	}
	for _, f := range order {
		fmt.Fprintf(w, "\n  vlan filter   %s: %s\n", strings.Join(nics[f], ", "), f)
	}
}
