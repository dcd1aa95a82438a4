package nic_test

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/nic"
)

// What a dead process left on an interface is told from what a living one has
// there, and from who captures.
func TestDriven(t *testing.T) {
	withBed(t, func(d *bed) {
		index := d.a.Attrs().Index
		check := func(about string, want error) {
			t.Helper()
			if err := nic.Driven(index); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", about, err, want)
			}
		}
		check("untouched", nil)
		hook, err := nic.Isolate(index)
		must(t, err)
		check("a filter alone", nil)
		ifi, err := net.InterfaceByIndex(index)
		must(t, err)
		capture, err := nic.OpenControl(ifi, nic.Filter{EtherTypes: []uint16{unix.ETH_P_LLDP}})
		must(t, err)
		check("a filter, and somebody who listens", nil)
		port, err := nic.Open(ifi, nic.Options{})
		must(t, err)
		check("a filter and a port", nic.ErrDriven)
		must(t, hook.Remove())
		check("a port without a filter", nil)
		hook, err = nic.Isolate(index)
		must(t, err)
		check("a filter and a port again", nic.ErrDriven)
		must(t, port.Close())
		must(t, capture.Close())
		check("the filter of a dead process", nil)
		must(t, hook.Remove())
	})
}
