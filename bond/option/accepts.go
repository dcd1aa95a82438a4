package option

import (
	"fmt"
	"strings"
)

// Accepts says in words which values the option takes: "on, off", "0 to 255", or
// what its help says of addresses and names.
func (o *Option) Accepts() string {
	var names []string
	for _, v := range o.Values {
		if !v.Internal {
			names = append(names, v.Name)
		}
	}
	switch {
	case len(names) > 0:
		return strings.Join(names, ", ")
	case o.Max > 0:
		return strings.TrimSpace(fmt.Sprintf("%d to %d %s", o.Min, o.Max, o.Unit))
	}
	return o.Help
}
