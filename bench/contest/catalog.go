package contest

import (
	"fmt"
	"path"
	"strings"
)

// Catalog are all contenders, the usual ones first: what Select without names
// returns. binary is tapbond itself, dir a folder for what they need.
func Catalog(binary, dir string) (usual, more []Contender) {
	return []Contender{
		Veth(), Ours(OursConfig{Binary: binary}), Express(binary), CLoop(dir), Naive(binary), OVS(dir, false), OVS(dir, true), DPDK(), Kernel(),
	}, Variants(binary)
}

// Select picks contenders by name, in the order of all; a name may have the
// wildcards of a file name, which don't match a slash.
func Select(all []Contender, names []string) ([]Contender, error) {
	picked := make([]bool, len(all))
	for _, name := range names {
		found := false
		for i, c := range all {
			match, err := path.Match(name, c.Name)
			if err != nil {
				return nil, fmt.Errorf("contender %q: %w", name, err)
			}
			if match {
				picked[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("contender %q: there are %s", name, strings.Join(namesOf(all), ", "))
		}
	}
	var out []Contender
	for i, c := range all {
		if picked[i] {
			out = append(out, c)
		}
	}
	return out, nil
}

func namesOf(cs []Contender) []string {
	names := make([]string, len(cs))
	for i, c := range cs {
		names[i] = c.Name
	}
	return names
}
