package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bond"
)

// deviceBond is a bond whose ports lead to a device.
type deviceBond struct {
	partner.Device
	name  string
	ports []*partner.Port
}

// Every device that there are LACPDUs of forms a LAG, whatever it says first and
// behind the blocks that count, with a priority tag or without, and every face
// shows it by its own numbers.
func TestLACPDevices(t *testing.T) {
	waits(t)
	b := newSpaces(t)
	b.patience = 12
	devices, err := partner.Devices()
	if err != nil {
		t.Fatal(err)
	}
	var bonds []*deviceBond
	for i, d := range devices {
		bonds = append(bonds, b.device(i, d))
	}
	for i, d := range bonds {
		for link, p := range d.ports {
			first := partner.Frame(append(append([]byte{}, p.Frame()[:partner.OffSubtype]...), d.First[link]...))
			tamper := d.Tamper(link)
			if i%2 == 1 {
				untagged := tamper
				tamper = func(f partner.Frame) partner.Frame { return untagged(f).Tagged(7 << 13) }
				first = first.Tagged(0)
			}
			if err := p.Send(first); err != nil {
				t.Fatal(err)
			}
			p.Set(func(s *partner.Script) { s.Tamper = tamper })
			p.Start()
		}
	}
	for _, d := range bonds {
		b.eventually(d.Name, d.wanted(), func() string { return d.shown(b) })
	}
	for i, d := range bonds {
		d.lookAtFaces(b)
		if strings.HasPrefix(d.Name, "ESI-LAG") {
			d.flaps(b, i)
		}
	}
}

// flaps takes one link of a multihomed LAG away and gives it back: nobody takes its
// partner for one that has moved, and it needs no new handshake of two seconds.
func (d *deviceBond) flaps(b *booth, i int) {
	b.t.Helper()
	far := fmt.Sprintf("f%dl0", i)
	b.sh(b.real + " -n " + b.sw + " link set " + far + " down")
	b.eventually(d.Name+" without a link", "1", func() string { return d.distributing(b) })
	b.sh(b.real + " -n " + b.sw + " link set " + far + " up")
	b.eventually(d.Name+" with the link again", "2", func() string { return d.distributing(b) })
	for _, s := range d.state(b).Slaves {
		p := s.AD
		if waited := p.Since.Sub(p.ReceiveSince); waited > 1500*time.Millisecond && p.Counters.DistributeCount > 1 {
			b.t.Errorf("%s: %s distributes %v after its partner was heard", d.Name, s.Name, waited)
		}
		if p.Counters.PartnerChangeCount != 1 {
			b.t.Errorf("%s: %s found a partner %d times", d.Name, s.Name, p.Counters.PartnerChangeCount)
		}
	}
}

func (d *deviceBond) distributing(b *booth) string {
	n := 0
	for _, s := range d.state(b).Slaves {
		if s.Carries {
			n++
		}
	}
	return fmt.Sprint(n)
}

// state is the bond as JSON has it.
func (d *deviceBond) state(b *booth) bond.State {
	b.t.Helper()
	var states []bond.State
	if err := json.Unmarshal([]byte(b.in(binary+" show -j "+d.name)), &states); err != nil || len(states) != 1 {
		b.t.Fatal(d.Name, err, len(states))
	}
	return states[0]
}

// device makes a bond whose ports lead to a device that is silent yet.
func (b *booth) device(i int, d partner.Device) *deviceBond {
	b.t.Helper()
	out := &deviceBond{Device: d, name: fmt.Sprintf("lag%d", i)}
	b.sh(fmt.Sprintf("ip -n %s link add %s type bond mode 802.3ad lacp_rate fast miimon 100 lacp_fallback none", b.ns, out.name))
	for link := range d.First {
		near, far := fmt.Sprintf("d%dl%d", i, link), fmt.Sprintf("f%dl%d", i, link)
		b.sh(fmt.Sprintf("%s link add %s netns %s type veth peer name %s netns %s", b.real, near, b.ns, far, b.sw))
		b.sh(fmt.Sprintf("%s -n %s link set %s up", b.real, b.sw, far))
		b.sh(fmt.Sprintf("ip -n %s link set %s master %s", b.ns, near, out.name))
		p, err := partner.OpenAside(nsPlace(b.sw), far, [6]byte{2, 0, 0, 9, byte(i), byte(link)}, partner.Script{Period: time.Second, Actor: d.Actor(link)})
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() {
			if err := p.Err(); err != nil {
				b.t.Error(d.Name, err)
			}
			p.Close()
		})
		out.ports = append(out.ports, p)
	}
	b.sh(fmt.Sprintf("ip -n %s link set %s up", b.ns, out.name))
	return out
}

// together: all of its links have one key.
func (d *deviceBond) together() bool {
	for i := range d.First {
		if d.Actor(i).Key != d.Actor(0).Key {
			return false
		}
	}
	return true
}

// wanted is what shown should be.
func (d *deviceBond) wanted() string {
	a := d.Actor(0)
	n := 1
	if d.together() {
		n = len(d.First)
	}
	text := fmt.Sprintf("partner %d/%s key %d, %d distribute\n", a.SystemPriority, net.HardwareAddr(a.System[:]), a.Key, n)
	for i := range d.First {
		a, why := d.Actor(i), "ok"
		if i >= n {
			why = "key_mismatch"
		}
		text += fmt.Sprintf("port %d prio %d key %d, %s\n", a.Port, a.PortPriority, a.Key, why)
	}
	return text
}

// shown is what JSON says of its bond.
func (d *deviceBond) shown(b *booth) string {
	b.t.Helper()
	st := d.state(b)
	agg := st.AD.ActiveAggregator()
	if agg == nil {
		return "no active aggregator"
	}
	text := fmt.Sprintf("partner %s key %d, %d distribute\n", agg.Partner, agg.PartnerKey, agg.Distributing)
	for _, s := range st.Slaves {
		p := s.AD.Partner
		text += fmt.Sprintf("port %d prio %d key %d, %s\n", p.Port, p.PortPriority, p.Key, s.AD.Why)
		if s.AD.Counters.IllegalRx > 0 {
			text += fmt.Sprintln(s.Name, "dropped", s.AD.Illegal)
		}
	}
	return text
}

// lookAtFaces holds /proc, sysfs, ip and show against the device's numbers.
func (d *deviceBond) lookAtFaces(b *booth) {
	b.t.Helper()
	a := d.Actor(0)
	mac := net.HardwareAddr(a.System[:]).String()
	contains := func(face, text string, wants ...string) {
		b.t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				b.t.Errorf("%s: %s has no %q:\n%s", d.Name, face, want, text)
			}
		}
	}
	contains("show", b.in(binary+" show "+d.name), fmt.Sprintf("partner %d/%s key %d", a.SystemPriority, mac, a.Key))
	proc := b.in(binary + " proc " + d.name)
	contains("proc", proc, "Partner Mac Address: "+mac, fmt.Sprintf("Partner Key: %d", a.Key))
	for i := range d.First {
		a := d.Actor(i)
		contains("proc", proc, fmt.Sprintf("details partner lacp pdu:\n    system priority: %d\n    system mac address: %s\n    oper key: %d\n    port priority: %d\n    port number: %d\n",
			a.SystemPriority, mac, a.Key, a.PortPriority, a.Port))
	}
	for name, want := range map[string]string{"ad_partner_mac": mac, "ad_partner_key": fmt.Sprint(a.Key)} {
		if got := b.files().read(d.name + "/bonding/" + name); got != want+"\n" {
			b.t.Errorf("%s: sysfs %s is %q, want %q", d.Name, name, got, want)
		}
	}
	var links []struct {
		Linkinfo struct {
			Data struct {
				AD struct {
					MAC string `json:"partner_mac"`
					Key uint16 `json:"partner_key"`
				} `json:"ad_info"`
			} `json:"info_data"`
		} `json:"linkinfo"`
	}
	text := b.sh("ip -n " + b.ns + " -d -j link show " + d.name)
	if err := json.Unmarshal([]byte(text), &links); err != nil || len(links) != 1 {
		b.t.Fatal(d.Name, err, text)
	}
	if got := links[0].Linkinfo.Data.AD; got.MAC != mac || got.Key != a.Key {
		b.t.Errorf("%s: ip says %+v", d.Name, got)
	}
}
