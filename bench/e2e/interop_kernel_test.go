package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bench/guest"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/lacp"
)

// kernelPartner is the kernel's driver, in a guest that each scenario boots anew.
// Its bond0 is bridged to a third NIC that leads to host0 in host B.
type kernelPartner struct {
	f *foreign
	g *guest.Guest
	// slow is how many times longer the guest takes than on an idle machine.
	slow float64
}

// spin keeps the guest's shell busy, on an idle machine for spinTime at most: where
// it takes longer, so does all else.
const (
	spin     = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"
	spinTime = 500 * time.Millisecond
)

// commandLimit bounds a command in the guest, which takes milliseconds: past it
// the guest hangs.
const commandLimit = 20 * time.Second

// needGuest skips a test, or fails it in CI, where guests can't run.
func needGuest(t *testing.T) {
	t.Helper()
	if err := guest.Available(t.Context(), ""); err != nil {
		labtest.Lack(t, err.Error())
	}
}

func (p *kernelPartner) begin() {
	p.f.t.Helper()
	var err error
	p.g, err = guest.Start(p.f.t.Context(), guest.Config{Host: p.f.lab.B, NICs: []guest.NIC{
		{Interface: "eth0"}, {Interface: "eth1"}, {Interface: "guest0"},
	}})
	p.check(err)
	start := time.Now()
	p.run(spin)
	p.slow = max(1, float64(time.Since(start))/float64(spinTime))
	p.f.t.Logf("the guest takes %.1f times as long as usual (%v)", p.slow, time.Since(start).Round(time.Millisecond))
	p.run("modprobe bonding max_bonds=0; ip link add br0 type bridge; ip link set eth2 master br0 up; ip link set br0 up")
}

func (p *kernelPartner) end() {
	if p.g == nil {
		return
	}
	if err := p.g.Stop(); err != nil {
		p.f.t.Error(err)
	}
	p.g = nil
}

// check ends the scenario's attempt if the guest hangs, and the test at any other error.
func (p *kernelPartner) check(err error) {
	p.f.t.Helper()
	if errors.Is(err, guest.ErrHung) {
		p.f.t.Log(err)
		panic(hungPartner{})
	}
	p.f.must(err)
}

func (p *kernelPartner) try(format string, args ...any) (string, error) {
	ctx, cancel := context.WithTimeout(p.f.t.Context(), commandLimit)
	defer cancel()
	return p.g.Run(ctx, format, args...)
}

func (p *kernelPartner) run(format string, args ...any) {
	p.f.t.Helper()
	_, err := p.try(format, args...)
	p.check(err)
}

func (p *kernelPartner) form(fast, active, odd bool) {
	p.f.t.Helper()
	options := "type bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4"
	if fast {
		options += " lacp_rate fast"
	}
	if !active {
		options += " lacp_active off"
	}
	p.run("ip link add bond0 address 02:00:00:00:05:00 %s", options)
	p.run("ip link set eth0 down; ip link set eth1 down; ip link set eth0 master bond0")
	if odd { // the same system, port 2, another key; a little later
		p.run("ip link add bond1 address 02:00:00:00:05:01 %s ad_actor_system 02:00:00:00:05:00 ad_user_port_key 5", options)
		p.run("ip link add spare0 type veth peer name spare1; ip link set spare0 master bond1")
		p.run("ip link set eth1 master bond1; (sleep 3.5; ip link set bond1 up) >/dev/null 2>&1 &")
	} else {
		p.run("ip link set eth1 master bond0")
	}
	p.run("ip link set bond0 master br0 up")
}

func (p *kernelPartner) oddWhy() lacp.Why { return lacp.WhyKeyMismatch }

func (p *kernelPartner) gone() {
	p.f.t.Helper()
	p.run("for l in bond0 bond1 spare0; do ip link del $l 2>/dev/null; done; true")
}

func (p *kernelPartner) cable(i int, up bool) {
	p.f.t.Helper()
	p.f.must(p.g.Cable(i, up))
}

func (p *kernelPartner) slowness() float64 { return p.slow }

func (p *kernelPartner) ifname() string { return "host0" }

func (p *kernelPartner) dead() bool {
	_, err := p.try("true")
	return err != nil
}

// uses: the driver leaves the bits of a port that lost its link as they were.
func (p *kernelPartner) uses() (on [2]bool) {
	for i := range on {
		dir := fmt.Sprintf("/sys/class/net/eth%d/bonding_slave", i)
		said, err := p.try("cat %s/ad_actor_oper_port_state %s/mii_status", dir, dir)
		var status *guest.StatusError
		if errors.As(err, &status) {
			continue // no slave
		}
		p.check(err)
		var state uint8
		var mii string
		if _, err := fmt.Sscan(said, &state, &mii); err == nil {
			on[i] = lacp.Bits(state).Has(lacp.Synchronization|lacp.Collecting|lacp.Distributing) && mii == "up"
		}
	}
	return on
}

func TestInteropKernel(t *testing.T) {
	t.Parallel()
	needGuest(t)
	f := newForeign(t)
	f.must(f.lab.B.Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "host0"}, PeerName: "guest0"})
	}))
	for _, n := range []string{"host0", "guest0"} {
		f.must(f.lab.B.Offloads(n, false))
		f.must(f.lab.B.Up(n))
	}
	f.stranger = &kernelPartner{f: f}
	f.situations()
}
