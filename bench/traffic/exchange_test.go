package traffic_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Every kind of frame crosses a link, and the wire in it, as it is.
func TestExchange(t *testing.T) {
	slow := net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 2}
	b := lab.PortMAC(0)
	specs := []traffic.FrameSpec{
		{Dst: b, EtherType: 0x88b5, Payload: 46},
		{Dst: broadcast, EtherType: 0x88b5, Payload: 1500},
		{Dst: slow, EtherType: unix.ETH_P_SLOW, Payload: 110},
		{Dst: b, EtherType: 0x88cc, Payload: 60},
		{Dst: b, Payload: 46},
		{Dst: b, Payload: 1492},
		{Dst: b, EtherType: 0x88b5, Payload: 100, Tags: []traffic.Tag{{VID: 1}}},
		{Dst: b, EtherType: 0x88b5, Payload: 1500, Tags: []traffic.Tag{{VID: 4094, PCP: 7, DEI: true}}},
		{Dst: b, EtherType: 0x88b5, Payload: 100, Tags: []traffic.Tag{{PCP: 6}}},
		{Dst: b, EtherType: 0x88b5, Payload: 100, Tags: []traffic.Tag{{TPID: 0x88a8, VID: 7}}},
		{Dst: b, EtherType: 0x88b5, Payload: 1492, Tags: []traffic.Tag{{TPID: 0x88a8, VID: 7}, {VID: 8, PCP: 1}}},
		{Dst: b, EtherType: 0x88b5, Payload: 1496, Tags: []traffic.Tag{{VID: 7}, {VID: 8, PCP: 1}}},
		{Dst: b, EtherType: 0x88b5, Payload: 100, Tags: []traffic.Tag{{VID: 7}, {VID: 8}, {VID: 9}}},
		{Dst: b, EtherType: 0x8847, Payload: 100},
	}
	for i := range specs {
		specs[i].Src = lab.SlaveMAC(0)
	}
	for _, wire := range []bool{false, true} {
		t.Run(fmt.Sprintf("wire=%t", wire), func(t *testing.T) {
			l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Switch: lab.NoSwitch, Wire: wire})
			a, b := traffic.FrameEnd{At: l.A, Ifname: "eth0"}, traffic.FrameEnd{At: l.B, Ifname: "eth0"}
			for _, way := range [][2]traffic.FrameEnd{{a, b}, {b, a}} {
				results, err := traffic.Exchange(t.Context(), way[0], way[1], specs)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					if !r.Intact() {
						t.Errorf("to %s, type %#x, payload %d, tags %+v: %s", r.Spec.Dst, r.Spec.EtherType, r.Spec.Payload, r.Spec.Tags, r)
					}
				}
			}
		})
	}
}

func TestExchangeTellsWhatFailed(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Switch: lab.NoSwitch, Wire: true})
	if err := l.Link(0).DropEtherTypes(lab.ToB, 0x88b6); err != nil {
		t.Fatal(err)
	}
	spec := traffic.FrameSpec{Dst: lab.PortMAC(0), Src: lab.SlaveMAC(0), EtherType: 0x88b5, Payload: 100}
	dropped, long, bad := spec, spec, spec
	dropped.EtherType, long.Payload, bad.Payload = 0x88b6, 1501, 1
	a, b := traffic.FrameEnd{At: l.A, Ifname: "eth0"}, traffic.FrameEnd{At: l.B, Ifname: "eth0"}
	results, err := traffic.Exchange(t.Context(), a, b, []traffic.FrameSpec{spec, dropped, long, bad, spec})
	if err != nil {
		t.Fatal(err)
	}
	if !results[0].Intact() || !results[4].Intact() {
		t.Errorf("good ones: %s, %s", results[0], results[4])
	}
	if r := results[1]; r.Err != nil || len(r.Got) != 0 {
		t.Errorf("dropped in the wire: %s", r)
	}
	if r := results[2]; !errors.Is(r.Err, unix.EMSGSIZE) {
		t.Errorf("longer than the MTU: %s", r)
	}
	if r := results[3]; r.Err == nil {
		t.Errorf("not a frame: %s", r)
	}
	if _, err := traffic.Exchange(t.Context(), a, traffic.FrameEnd{At: l.B, Ifname: "nobody"}, nil); err == nil {
		t.Error("an interface that is not there, and no error")
	}
}

// A flooding switch, and copies that it makes, are seen as such.
func TestExchangeCopies(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 2, SlavesUp: true})
	if err := l.AwaitSilence(t.Context(), settled); err != nil {
		t.Fatal(err)
	}
	spec := traffic.FrameSpec{Dst: broadcast, Src: lab.SlaveMAC(0), EtherType: 0x88b5, Payload: 100}
	a0, a1 := traffic.FrameEnd{At: l.A, Ifname: "eth0"}, traffic.FrameEnd{At: l.A, Ifname: "eth1"}
	results, err := traffic.Exchange(t.Context(), a0, a1, []traffic.FrameSpec{spec})
	if err != nil {
		t.Fatal(err)
	}
	if !results[0].Intact() {
		t.Errorf("a broadcast comes back on the other link: %s", results[0])
	}
}
