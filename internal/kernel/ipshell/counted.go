package ipshell

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/bond"
)

// What the express lane carries doesn't cross the TAP, whose counters ip prints, nor
// do these have the frames that the bond dropped: both are added.

// statLines are those of -statistics, in one direction: the names of the
// columns, and the numbers under them.
var statLines = regexp.MustCompile(`(?m)((?:^|\\) {4}(RX|TX):)((?: +[a-z]+)+ *)(\n|\\)( +[0-9 ]+)`)

// counted adds to the counters in a link's text.
func counted(b string, st *bond.State) string {
	if len(st.Uncounted()) == 0 {
		return b
	}
	return statLines.ReplaceAllStringFunc(b, func(lines string) string {
		m := statLines.FindStringSubmatch(lines)
		add := carried(st, m[2])
		names, values := strings.Fields(m[3]), strings.Fields(m[5])
		if len(names) != len(values) {
			return lines
		}
		for i, name := range names {
			values[i] = plus(values[i], add[name])
		}
		head, nums := m[1], strings.Repeat(" ", len(m[1]))
		if strings.HasPrefix(m[1], `\`) {
			nums = nums[1:]
		}
		for i, name := range names {
			head += " " + pad(name, max(width(m[3], name), len(values[i])))
			nums += " " + pad(values[i], max(width(m[3], name), len(values[i])))
		}
		return head + m[3][len(strings.TrimRight(m[3], " ")):] + m[4] + nums + m[5][len(strings.TrimRight(m[5], " ")):]
	})
}

// width is that of a column of the line of names, without the space before it.
func width(line, name string) int {
	at := strings.Index(line, " "+name)
	before := strings.TrimRight(line[:at], " ")
	return at + len(name) - len(before)
}

func pad(s string, n int) string { return strings.Repeat(" ", max(0, n-len(s))) + s }

// carried are the numbers to add for a direction, by ip's names.
func carried(st *bond.State, direction string) map[string]uint64 {
	more, d := st.Uncounted(), strings.ToLower(direction)+"_"
	return map[string]uint64{"bytes": more[d+"bytes"], "packets": more[d+"packets"], "dropped": more[d+"dropped"]}
}

func plus(number string, n uint64) string {
	v, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return number
	}
	return strconv.FormatUint(v+n, 10)
}

// countedTree does it in JSON.
func countedTree(o object, st *bond.State) object {
	if len(st.Uncounted()) == 0 {
		return o
	}
	for _, key := range []string{"stats64", "stats"} {
		stats, ok := o.get(key).(object)
		if !ok {
			continue
		}
		for _, direction := range []string{"rx", "tx"} {
			side, _ := stats.get(direction).(object)
			for name, n := range carried(st, direction) {
				if v, ok := side.get(name).(json.Number); ok {
					side.set(name, json.Number(plus(v.String(), n)), "")
				}
			}
		}
	}
	return o
}
