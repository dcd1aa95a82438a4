package nic_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/nic"
)

// A control socket is shown frames from when it first wants any.
func TestControlIsShownNothingInVain(t *testing.T) {
	withBed(t, func(d *bed) {
		index := d.a.Attrs().Index
		ifi, err := net.InterfaceByIndex(index)
		must(t, err)
		c, err := nic.OpenControl(ifi, nic.Filter{})
		must(t, err)
		defer c.Close()
		// shown: the socket's column "Running" in the kernel's list.
		shown := func() string {
			t.Helper()
			text, err := os.ReadFile("/proc/thread-self/net/packet")
			must(t, err)
			var all []string
			for line := range strings.Lines(string(text)) {
				if f := strings.Fields(line); len(f) > 5 && f[4] == fmt.Sprint(index) {
					all = append(all, f[5])
				}
			}
			return strings.Join(all, " ")
		}
		for _, step := range []struct {
			filter nic.Filter
			want   string
		}{{nic.Filter{}, "0"}, {nic.Filter{Neighbours: true}, "1"}, {nic.Filter{}, "1"}, {nic.Filter{EtherTypes: []uint16{0x8809}}, "1"}} {
			must(t, c.SetFilter(step.filter))
			if got := shown(); got != step.want {
				t.Errorf("%+v: %q, want %q", step.filter, got, step.want)
			}
		}
	})
}
