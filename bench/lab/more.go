package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// MoreMAC is the address of the eth0 of host i that AddHosts made:
// 02:00:00:00:04:01 and on.
func MoreMAC(i int) net.HardwareAddr { return mac(0x04, i) }

// MoreAddr is its address in the lab's network: 10.99.0.11/24 and on.
func MoreAddr(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 99, 0, byte(11 + i)}), 24)
}

// AddHosts puts n more hosts, at most 100, behind the switch br0, each in a
// namespace of its own with eth0, open both ways. They end with the lab. It is to be called
// once.
func (l *Lab) AddHosts(n int) ([]*Host, error) {
	for i := range n {
		h, err := newHost(nsName(l.Topology.Name, fmt.Sprintf("more%d", i)))
		if err != nil {
			return nil, err
		}
		l.more = append(l.more, h)
		port := end{l.Switch, fmt.Sprintf("m%d", i), indexMore + 2*i, trunkMAC(3, i)}
		host := end{h, "eth0", indexMore + 2*i + 1, MoreMAC(i)}
		if err := errors.Join(h.QuietIPv6(), addVeth(port, host, l.Topology.mtu())); err != nil {
			return nil, err
		}
		if err := errors.Join(l.peerOffloads(port), l.peerOffloads(host),
			addPort(l.Switch, port.name, 0), h.Up(host.name), h.Assign(host.name, MoreAddr(i))); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i, h := range l.more {
		port := end{host: l.Switch, name: fmt.Sprintf("m%d", i)}
		if err := errors.Join(awaitOpen(ctx, port), awaitOpen(ctx, end{host: h, name: "eth0"})); err != nil {
			return nil, err
		}
	}
	return l.more, nil
}
