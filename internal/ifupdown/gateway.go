package ifupdown

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// gateway is a gateway line's, to be judged once all addresses are known.
type gateway struct {
	ifcfg.Gateway
	l line
}

// gateway reads a stanza's gateway lines.
func (s *stanza) gateway(b *bond) {
	metric := 0
	if m := s.get("metric"); m.words != nil {
		n, err := strconv.Atoi(m.words[1])
		if err != nil || n < 0 {
			b.Wrong(m.Pos, fmt.Sprintf("metric %s: is no number", m.value()))
		}
		metric, m.Fate = n, ifcfg.Applied
		if s.get("gateway").words == nil {
			b.Minor(m.Pos, "metric: without effect, there is no gateway")
		}
	}
	for _, l := range s.all("gateway") {
		l.Fate = ifcfg.Applied
		for _, w := range l.words[1:] {
			a, err := netip.ParseAddr(w)
			if err != nil || a.IsUnspecified() || a.IsMulticast() {
				b.Wrong(l.Pos, fmt.Sprintf("gateway %s: is no address of a host", w))
				continue
			}
			b.gateways = append(b.gateways, gateway{ifcfg.Gateway{Addr: a.WithZone(""), Metric: metric, Pos: l.Pos}, l})
		}
	}
}

// gatewaysOf makes the first gateway of each family the bond's.
func (c *collector) gatewaysOf(b *bond) {
	for _, g := range b.gateways {
		own, reached, family := false, g.Addr.Is6() && g.Addr.IsLinkLocalUnicast(), false
		for _, a := range b.Addrs {
			own = own || a.Prefix.Addr() == g.Addr
			reached = reached || a.Prefix.Contains(g.Addr) || a.Peer == g.Addr
			family = family || a.Prefix.Addr().Is4() == g.Addr.Is4()
		}
		first := c.firstGateway(b, g)
		switch {
		case own:
			b.Wrong(g.Pos, fmt.Sprintf("gateway %s: is the bond's own address", g.Addr))
			continue
		case !family && !reached:
			b.Warn(g.Pos, fmt.Sprintf("gateway %s: not set, there is no address of its family", g.Addr))
			continue
		case first.Addr == g.Addr:
			continue
		case first.Addr.IsValid():
			b.Warn(g.Pos, fmt.Sprintf("gateway %s: not set: there is a default gateway already, %s says %s", g.Addr, first.Pos, first.Addr))
			continue
		case !reached:
			g.OnLink = true
			b.Note(g.Pos, fmt.Sprintf("gateway %s: is in none of the bond's networks; taken to be on the link", g.Addr))
		}
		if g.Addr.Is4() {
			b.Gateway = g.Gateway
		} else {
			b.Router = g.Gateway
		}
	}
}

// firstGateway is the default gateway of the family and metric that another line
// makes, of this bond or another one that is brought up at boot.
func (c *collector) firstGateway(b *bond, g gateway) ifcfg.Gateway {
	for _, o := range c.order {
		have := o.Gateway
		if g.Addr.Is6() {
			have = o.Router
		}
		if !have.Addr.IsValid() {
			continue
		}
		if o == b || have.Metric == g.Metric && o.OnBoot && b.OnBoot {
			return have
		}
	}
	return ifcfg.Gateway{}
}
