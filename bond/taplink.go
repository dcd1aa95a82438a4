package bond

import (
	"context"
	"fmt"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/internal/link"
)

// The MTU and the address of the TAP are the bond's: its slaves get the same, all
// of them or none. Whoever changes the TAP with another tool learns of a refusal
// from the event alone; a request gets it as its answer.

// SetMTU gives the bond and its slaves an MTU, or returns which one refused it.
func (b *Bond) SetMTU(ctx context.Context, mtu int) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	b.followTAP() // what was done before comes before
	var slaves []*slave
	var old int
	if err := b.call(func() { slaves, old = b.members(), b.mtu }); err != nil {
		return err
	}
	if mtu == old {
		return nil
	}
	if err := b.sys.SetMTU(b.index, mtu); err != nil {
		return fmt.Errorf("%s: MTU %d: %w", b.Name(), mtu, err)
	}
	if err := b.followMTU(slaves, old, mtu); err != nil {
		return err
	}
	return b.done(ctx)
}

// SetAddress gives the bond, and the slaves that share it, an address, or returns
// which one refused it.
func (b *Bond) SetAddress(ctx context.Context, mac [6]byte) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	b.followTAP()
	var slaves []*slave
	var old [6]byte
	if err := b.call(func() { slaves, old = b.members(), b.mac }); err != nil {
		return err
	}
	if mac == old {
		return nil
	}
	if err := b.sys.SetMAC(b.index, mac); err != nil {
		return fmt.Errorf("%s: address %s: %w", b.Name(), link.MACString(mac), err)
	}
	if err := b.followMAC(slaves, old, mac); err != nil {
		return err
	}
	return b.done(ctx)
}

// nameOf is a slave's present name, for those outside the control goroutine.
func (b *Bond) nameOf(s *slave) (name string) {
	_ = b.call(func() { name = s.name })
	return name
}

// followMTU gives the slaves the MTU somebody gave the TAP, all or none: if one
// refuses, every one and the TAP go back.
func (b *Bond) followMTU(slaves []*slave, old, mtu int) error {
	expect := func(mtu int) { // so that the kernel's events are nobody else's doing
		_ = b.call(func() {
			for _, s := range slaves {
				s.mtu = mtu
			}
		})
	}
	expect(mtu)
	for i, s := range slaves {
		err := b.sys.SetMTU(s.index, mtu)
		if err == nil {
			continue
		}
		for _, done := range slaves[:i] {
			_ = b.sys.SetMTU(done.index, old)
		}
		_ = b.sys.SetMTU(b.index, old)
		expect(old)
		b.box.post(func() { b.warn(s, "mtu", fmt.Sprintf("MTU %d refused, bond goes back to %d: %v", mtu, old, err)) })
		return fmt.Errorf("%s: (slave %s): MTU %d refused, the bond stays at %d: %w", b.Name(), b.nameOf(s), mtu, old, err)
	}
	_ = b.call(func() {
		b.mtu = mtu
		b.event(Event{Kind: "mtu", Message: fmt.Sprintf("MTU is now %d", mtu), From: fmt.Sprint(old), To: fmt.Sprint(mtu)})
	})
	return nil
}

// followMAC gives the slaves the address somebody gave the TAP, all or none.
// With fail_over_mac the bond's address is not the administrator's to choose:
// the kernel takes the request and does nothing.
func (b *Bond) followMAC(slaves []*slave, old, mac [6]byte) error {
	var fixed bool
	_ = b.call(func() { fixed = b.failOverMAC() != option.FailOverMACNone && len(slaves) > 0 })
	if fixed {
		_ = b.sys.SetMAC(b.index, old)
		return nil
	}
	var balanced bool
	if _ = b.call(func() { balanced = b.bal != nil }); balanced {
		slaves = nil // they have addresses of their own
	}
	for i, s := range slaves {
		err := b.sys.SetMAC(s.index, mac)
		if err == nil {
			continue
		}
		for _, done := range slaves[:i] {
			_ = b.sys.SetMAC(done.index, old)
		}
		_ = b.sys.SetMAC(b.index, old)
		b.box.post(func() { b.warn(s, "mac", "address refused, bond keeps its own: "+err.Error()) })
		return fmt.Errorf("%s: (slave %s): address %s refused, the bond keeps %s: %w", b.Name(), b.nameOf(s), link.MACString(mac), link.MACString(old), err)
	}
	_ = b.call(func() {
		b.mac, b.ownMAC, b.dirty = mac, false, true
		if b.bal != nil {
			b.balanceMAC(mac)
		}
		for _, s := range slaves {
			s.mac = mac
		}
		b.configureLACP()
		b.event(Event{Kind: "mac", Message: "address is now " + link.MACString(mac), From: link.MACString(old), To: link.MACString(mac)})
	})
	if targets, err := announce.Targets(b.sys, b.index); err == nil {
		_ = b.call(func() { b.targets = targets })
	}
	return nil
}
