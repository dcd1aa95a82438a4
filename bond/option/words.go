package option

import (
	"fmt"
	"strings"
)

// ParseWords reads the words of a command line: names and values in turn,
// "mode active-backup miimon 100". Names are the driver's or iproute2's, with
// '-' or '_'. It stops at the word "slaves", which is the caller's, and returns
// it with all that follow. As with ip, clear_active_slave stands alone, and a
// list of targets that is the last word clears the list.
//
// Values are not judged: Apply does that.
func ParseWords(words []string) (assigns []Assign, rest []string, err error) {
	return parseWords(ScopeBond, "", words)
}

// ParseSlaveWords does the same for the options of one slave: "prio 10".
func ParseSlaveWords(slave string, words []string) ([]Assign, error) {
	assigns, _, err := parseWords(ScopeSlave, slave, words)
	return assigns, err
}

func parseWords(scope Scope, slave string, words []string) ([]Assign, []string, error) {
	var assigns []Assign
	for i := 0; i < len(words); i += 2 {
		word := words[i]
		if scope == ScopeBond && word == "slaves" {
			return assigns, words[i:], nil
		}
		if scope == ScopeBond && strings.ReplaceAll(word, "-", "_") == "clear_active_slave" {
			assigns = append(assigns, Assign{Option: "active_slave"})
			i--
			continue
		}
		o, name := lookup(word)
		last := i+1 == len(words)
		switch {
		case o == nil && strings.Contains(word, "="):
			name, value, _ := strings.Cut(word, "=")
			return nil, nil, fmt.Errorf("option %s: name and value are two words: %s %s", word, name, value)
		case o == nil || o.ID == Slaves:
			return nil, nil, fmt.Errorf("option %s: %s", word, unknown(word))
		case o.Scope != scope && scope == ScopeBond:
			return nil, nil, fmt.Errorf("option %s: belongs to a slave, not to the bond", word)
		case o.Scope != scope:
			return nil, nil, fmt.Errorf("option %s: belongs to the bond, not to a slave", word)
		case last && (o.ID == ArpIPTarget || o.ID == NSIP6Target):
			assigns = append(assigns, Assign{Option: name})
			continue
		case last:
			return nil, nil, fmt.Errorf("option %s: value missing", word)
		}
		assigns = append(assigns, Assign{Option: name, Value: words[i+1], Slave: slave})
	}
	return assigns, nil, nil
}

// nearest returns the option name that differs least from name, "" if all
// differ too much to have been meant.
func nearest(name string) string {
	best, least := "", len(name)/3+2
	for i := range table {
		o := &table[i]
		for _, cand := range append([]string{o.Name, o.IPName}, o.Aliases...) {
			if d := distance(name, cand); cand != "" && d < least {
				best, least = cand, d
			}
		}
	}
	return best
}

// distance is the number of letters to add, drop or change between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diag
			if a[i] != b[j] {
				d++
			}
			diag = row[j+1]
			row[j+1] = min(d, diag+1, row[j]+1)
		}
	}
	return row[len(b)]
}
