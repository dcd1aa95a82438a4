package tree

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/bond"
)

// netDev is /proc/net/dev of the namespace that the tree shows, with all that
// bonds carry and drop.
func (t *Tree) netDev() *node {
	n := file("proc/net/dev", func(ctx context.Context, _ Reader) (string, error) {
		text, err := t.host.read(filepath.Join(t.host.Proc, "net/dev"))
		if err != nil {
			return "", err
		}
		bonds, err := (&view{t: t}).look()
		if err != nil {
			return "", err
		}
		for i := range bonds {
			st, err := t.state(ctx, bonds[i].Name, bonds[i].Index)
			if err == nil {
				text = countedLine(text, st.Name, st.Uncounted())
			} // else it has just gone
		}
		return text, nil
	})
	n.Size = 0
	return n
}

// columns of /proc/net/dev: the names that the folder statistics has for them, and
// the widths that the kernel gives them.
var columns = []struct {
	name  string
	width int
}{
	{"rx_bytes", 7}, {"rx_packets", 7}, {"rx_errors", 4}, {"rx_dropped", 4}, {"rx_fifo_errors", 4}, {"rx_frame_errors", 5}, {"rx_compressed", 10}, {"multicast", 9},
	{"tx_bytes", 8}, {"tx_packets", 7}, {"tx_errors", 4}, {"tx_dropped", 4}, {"tx_fifo_errors", 4}, {"collisions", 5}, {"tx_carrier_errors", 7}, {"tx_compressed", 10},
}

// countedLine adds to the numbers of a device in the text of /proc/net/dev.
func countedLine(text, device string, more bond.Counters) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":")
		values := strings.Fields(rest)
		if strings.TrimSpace(name) != device || len(values) != len(columns) {
			all.WriteString(line)
			continue
		}
		all.WriteString(name + ":")
		for i, c := range columns {
			fmt.Fprintf(&all, " %*s", c.width, plus(values[i], more[c.name]))
		}
		all.WriteString("\n")
	}
	return all.String()
}

// plus adds to a number in a text, which stays as it is if it is none.
func plus(number string, n uint64) string {
	v, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return number
	}
	return strconv.FormatUint(v+n, 10)
}
