package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond"
)

// What explain says of a flow is where its frames go.
func TestExplainedFlowsGoThere(t *testing.T) {
	waits(t)
	b := start(t, lab.Topology{Slaves: 3, Wire: true}, "mode balance-xor miimon 100 express on")
	for _, policy := range []string{"layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"} {
		b.do("set", "bond0", "xmit_hash_policy", policy)
		used := map[string]bool{}
		for i := range 8 {
			e := ends[i%2]
			src := net.JoinHostPort(e[0].String(), fmt.Sprint(4000+i))
			dst := net.JoinHostPort(e[1].String(), fmt.Sprint(7000+7*i))
			said, err := b.tapbond("explain", "flow", "-j", "udp", src, dst)
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			var c struct{ Flow, Slave string }
			b.must(json.Unmarshal([]byte(said), &c))
			used[c.Slave] = true
			before := b.state()
			b.must(b.lab.A.Do(func() error { return sendFrom(src, dst, 50) }))
			after := b.until("the datagrams are out", func(st bond.State) bool { return st.Traffic.TxFrames >= before.Traffic.TxFrames+50 })
			for j, s := range after.Slaves {
				if n := s.Traffic.TxFrames - before.Slaves[j].Traffic.TxFrames; (n >= 50) != (s.Name == c.Slave) {
					t.Errorf("%s, %s: explained as %s, but %s sent %d frames", policy, c.Flow, c.Slave, s.Name, n)
				}
			}
		}
		if strings.HasSuffix(policy, "3+4") && len(used) < 2 {
			t.Errorf("%s: all flows on %v", policy, used)
		}
	}
	if out, err := b.tapbond("explain", "slave", "eth1"); err != nil || !strings.HasPrefix(out, "bond0: eth1 carries traffic\n") {
		t.Errorf("%v: %s", err, out)
	}
}

// What show -j prints is the state that the daemon tells.
func TestShownAsJSON(t *testing.T) {
	waits(t)
	b := start(t, lab.Topology{Slaves: 2}, "mode 802.3ad miimon 100")
	said, err := b.tapbond("show", "-j")
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var bonds []bond.State
	b.must(json.Unmarshal([]byte(said), &bonds))
	if len(bonds) != 1 || bonds[0].Name != "bond0" || bonds[0].Mode != "802.3ad" || bonds[0].Settings["lacp_rate"] != "slow" || bonds[0].AD == nil {
		t.Fatalf("%+v", bonds)
	}
	for i, s := range bonds[0].Slaves {
		if want := b.state().Slaves[i]; s.Name != want.Name || s.PermMAC != want.PermMAC || s.AD == nil || s.Since.IsZero() {
			t.Errorf("shown %+v, told %+v", s, want)
		}
	}
	if one, err := b.tapbond("show", "-j", "bond0"); err != nil || !strings.Contains(one, `"bond0"`) {
		t.Errorf("of one bond: %v: %s", err, one)
	}
	if out, err := b.tapbond("show", "-j", "bond7"); err == nil {
		t.Errorf("of none: %s", out)
	}
}

// sendFrom sends n datagrams of one flow.
func sendFrom(src, dst string, n int) error {
	from, err := net.ResolveUDPAddr("udp", src)
	if err != nil {
		return err
	}
	to, err := net.ResolveUDPAddr("udp", dst)
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", from)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range n {
		if _, err := conn.WriteTo([]byte("explained"), to); err != nil {
			return err
		}
	}
	return nil
}
