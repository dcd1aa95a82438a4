package lacp

import (
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/partner"
)

// onWire makes an event of a LACPDU by its bytes: with a device's own way of
// filling the rest of it, and behind tags.
type onWire struct {
	device *partner.Device
	link   int
	tags   []string
}

func (o onWire) event(p PDU) Event {
	f := partner.Frame(p.PDU.AppendFrame(nil, MAC{2, 0, 0, 0, 0, 9}))
	return Frame{Port: p.Port, Data: tags(o.tags...)(o.device.Tamper(o.link)(f))}
}

// first is the device's first LACPDU, as it was.
func (o onWire) first() []byte {
	return tags(o.tags...)(append(appendHeader(nil, MAC{2, 0, 0, 0, 0, 9}), o.device.First[o.link]...))
}

// deviceWorld is a bond whose ports are connected to a device, which has said its
// first word.
func deviceWorld(t *testing.T, d *partner.Device, cfg Config, tags ...string) *world {
	t.Helper()
	w := newWorld(cfg)
	w.add(len(d.First))
	for i := range d.First {
		id := PortID(i + 1)
		wire := onWire{d, i, tags}
		w.step(Frame{Port: id, Data: wire.first()})
		a := d.Actor(i)
		p := w.peer(id)
		p.wire = wire.event
		p.info = Info{a.SystemPriority, MAC(a.System), a.Key, a.PortPriority, a.Port, Bits(a.State)}
		p.heard = w.st(id).Actor
		w.start(id)
	}
	return w
}

// Every device that we have LACPDUs of forms a LAG with us, whatever it says in
// the first of them and behind the blocks that count.
func TestDevicesFormALAG(t *testing.T) {
	t.Parallel()
	devices, err := partner.Devices()
	if err != nil || len(devices) < 12 {
		t.Fatalf("%d devices: %v", len(devices), err)
	}
	for _, d := range devices {
		for name, tags := range map[string][]string{"": nil, ", priority tag": {"8100e000"}, ", two of them": {"88a80000", "81000000"}} {
			for _, coupled := range []bool{true, false} {
				for _, fast := range []bool{true, false} {
					cfg := fastConfig()
					cfg.Coupled, cfg.Fast = coupled, fast
					w := deviceWorld(t, &d, cfg, tags...)
					w.warp(2500 * time.Millisecond)
					lookAtDevice(t, w, &d, d.Name+name)
				}
			}
		}
	}
}

// lookAtDevice holds a formed LAG against the device's own numbers.
func lookAtDevice(t *testing.T, w *world, d *partner.Device, name string) {
	t.Helper()
	carry := []PortID{1}
	if len(d.First) > 1 && d.Actor(0).Key == d.Actor(1).Key {
		carry = append(carry, 2)
	}
	w.expectCarrying(t, name, carry...)
	st := w.m.State(w.now)
	agg := st.Aggregator(st.Active)
	if agg == nil {
		t.Fatal(name, ": no active aggregator")
	}
	a := d.Actor(0)
	expect(t, name+": partner", agg.Partner, System{a.SystemPriority, MAC(a.System)})
	expect(t, name+": partner's key", agg.PartnerKey, a.Key)
	for i, p := range st.Ports {
		a := d.Actor(i)
		p.Partner.State = 0
		expect(t, name+": partner's port", p.Partner, Info{a.SystemPriority, MAC(a.System), a.Key, a.PortPriority, a.Port, 0})
		expect(t, name+": illegal", p.Counters.IllegalRx, 0)
		want := WhyOK
		if i >= len(carry) {
			want = WhyKeyMismatch
		}
		expect(t, name+": why", p.Why, want)
	}
}

// After the first word of a device that has forgotten us the LAG forms again.
func TestDevicesFormAgain(t *testing.T) {
	t.Parallel()
	devices, err := partner.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		w := deviceWorld(t, &d, fastConfig())
		w.warp(5 * time.Second)
		w.step(Frame{Port: 1, Data: onWire{device: &d}.first()})
		w.warp(2500 * time.Millisecond)
		lookAtDevice(t, w, &d, d.Name+", again")
	}
}

// The switches of a multihomed LAG may number their ports alike.
func TestEqualPortNumbers(t *testing.T) {
	t.Parallel()
	for _, keys := range [][2]uint16{{7, 7}, {0x8f, 0x10f}} {
		w := newWorld(fastConfig())
		w.add(2)
		logs := map[string]int{}
		w.onLog = func(l Log) { logs[l.Kind+l.To]++ }
		for id := PortID(1); id <= 2; id++ {
			p := w.peer(id)
			p.info.Port, p.info.Key, p.info.System = 5, keys[id-1], MAC{0, 0x1c, 0x73, 0, 0, 0x15}
			w.start(id)
		}
		w.warp(1500 * time.Millisecond)
		same := keys[0] == keys[1]
		expect(t, "while it forms", w.st(2).Why, map[bool]Why{true: WhyWaiting, false: WhyKeyMismatch}[same])
		w.warp(3 * time.Second)
		carry := w.carrying()
		expect(t, "ports that carry", len(carry), 1+yes(same))
		if same {
			// One link flaps: the longer, too, so that the other one's partner is an
			// old acquaintance, and when the other one has found its partner anew.
			for _, down := range []time.Duration{10 * time.Millisecond, time.Second, 20 * time.Second} {
				w.link(1, false)
				w.warp(down)
				w.expectCarrying(t, "one link down", 2)
				w.link(1, true)
				w.warp(100 * time.Millisecond)
				w.expectCarrying(t, "it is back", carry...)
				w.warp(2 * time.Second)
			}
			w.link(1, false)
			w.peer(2).on = false
			w.warp(10 * time.Second)
			w.start(2)
			w.warp(3 * time.Second)
			w.expectCarrying(t, "the other one has lost its partner and found it again", 2)
			w.link(1, true)
			w.warp(100 * time.Millisecond)
			w.expectCarrying(t, "it is back again", carry...)
		}
		expect(t, "port_moved", logs["port_moved"]+logs["port_movedp1"]+logs["port_movedp2"], 0)
		expect(t, "duplicates", logs["diagnosis"+string(WhyDuplicate)], 0)
	}
}

// Two systems on one link are named, both of them; a setting that is changed and
// changed back is not that.
func TestTwoPartnersInTurn(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]func(*Info){
		"systems": func(i *Info) { i.System[5] = 0xbb },
		"ports":   func(i *Info) { i.Port = 9 },
		"keys":    func(i *Info) { i.Key = 18 },
	} {
		w := newWorld(fastConfig())
		w.add(1)
		p := w.peer(1)
		speak := func(change func(*Info)) {
			pdu := p.say()
			pdu.PDU.Partner = w.st(1).Actor
			if change != nil {
				change(&pdu.PDU.Actor)
			}
			w.step(pdu)
			w.warp(500 * time.Millisecond)
		}
		for range 4 {
			speak(nil)
		}
		speak(other)
		speak(nil)
		expect(t, name+": there and back", w.st(1).Why, WhyWaiting)
		for range 5 {
			speak(other)
			speak(nil)
			expect(t, name+": why", w.st(1).Why, WhyTwoPartners)
		}
		if r := w.st(1).Reason; !strings.Contains(r, "in turn") || !strings.Contains(r, describe(&p.info)) {
			t.Errorf("%s: %s", name, r)
		}
		for range 8 {
			speak(nil)
		}
		expect(t, name+": one has left", w.st(1).Why, WhyOK)
	}
}
