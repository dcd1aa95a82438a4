package ipshell

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

// xstats prints LACP's counters, of bonds or of slaves. The installed ip has
// nothing to add: it asks the kernel, which has no bond. (That of release 6.1
// crashes on the answer; what is printed here is what its `stats show` prints.)
func (s *Shell) xstats(ctx context.Context, g *globals, words, whole []string) int {
	slaves := len(words) > 1 && words[1] == "bond_slave"
	dev, ours := xstatsDev(words)
	p, err := s.look(ctx)
	if err != nil {
		return s.refused(err)
	}
	if ours && p.hung != nil {
		s.complain("tapbond ip: only the daemon counts these")
		return exitKernel
	}
	if !ours || len(p.bonds) == 0 {
		return s.real(ctx, whole...)
	}
	if dev = s.ownName(p, dev); dev != "" {
		if _, _, status := s.ask(ctx, "link", "show", "dev", dev); status != exitOK {
			s.complain("Cannot find device %q", dev)
			return exitUser
		}
	}
	tree := []any{}
	var text strings.Builder
	add := func(name string, list []info) {
		if dev != "" && dev != name {
			return
		}
		o := object{}
		fmt.Fprintf(&text, "%-16s\n", name)
		for _, i := range list {
			fmt.Fprintf(&text, "%-16s    %s %s\n", "", i.word, i.text)
			o = append(o, member{i.key, i.json})
		}
		tree = append(tree, object{{"ifname", name}, {"802.3ad", o}})
	}
	for i := range p.bonds {
		st := &p.bonds[i]
		if !slaves {
			add(st.Name, counters(st.Slaves))
			continue
		}
		for j := range st.Slaves {
			add(st.Slaves[j].Name, counters(st.Slaves[j:j+1]))
		}
	}
	if g.json {
		pr := &printer{pretty: g.pretty}
		pr.value(tree)
		text.Reset()
		text.WriteString(pr.String() + "\n")
	}
	_, _ = io.WriteString(s.Stdout, text.String())
	return exitOK
}

// xstatsDev returns the device asked about, "" for all; ours is false for what
// the installed ip must answer: other kinds, wrong words, help.
func xstatsDev(words []string) (dev string, ours bool) {
	if len(words) < 2 || words[0] != "type" || words[1] != "bond" && words[1] != "bond_slave" {
		return "", false
	}
	for i := 2; i < len(words); i++ {
		switch {
		case words[i] == "dev" && i+1 < len(words):
			i++
			dev = words[i]
		case words[i] != "802.3ad" && words[i] != "lacp":
			return "", false
		}
	}
	return dev, true
}

// counters are the driver's nine, summed over slaves.
func counters(slaves []bond.SlaveState) []info {
	var c lacp.Counters
	for i := range slaves {
		if slaves[i].AD == nil {
			continue
		}
		k := &slaves[i].AD.Counters
		c.LACPDUsRx += k.LACPDUsRx
		c.LACPDUsTx += k.LACPDUsTx
		c.UnknownRx += k.UnknownRx
		c.IllegalRx += k.IllegalRx
		c.MarkerPDUsRx += k.MarkerPDUsRx
		c.MarkerPDUsTx += k.MarkerPDUsTx
		c.MarkerResponsesRx += k.MarkerResponsesRx
		c.MarkerResponsesTx += k.MarkerResponsesTx
		c.MarkerUnknownRx += k.MarkerUnknownRx
	}
	line := func(word, key string, n uint64) info {
		return info{word: word, key: key, text: fmt.Sprint(n), json: json.Number(fmt.Sprint(n))}
	}
	return []info{
		line("LACPDU Rx", "lacpdu_rx", c.LACPDUsRx), line("LACPDU Tx", "lacpdu_tx", c.LACPDUsTx),
		line("LACPDU Unknown type Rx", "lacpdu_unknown_rx", c.UnknownRx), line("LACPDU Illegal Rx", "lacpdu_illegal_rx", c.IllegalRx),
		line("Marker Rx", "marker_rx", c.MarkerPDUsRx), line("Marker Tx", "marker_tx", c.MarkerPDUsTx),
		line("Marker response Rx", "marker_response_rx", c.MarkerResponsesRx), line("Marker response Tx", "marker_response_tx", c.MarkerResponsesTx),
		line("Marker unknown type Rx", "marker_unknown_rx", c.MarkerUnknownRx),
	}
}
