package e2e

import (
	le "encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/lacp"
)

// pcap is a capture file of Ethernet frames, as short as the format allows.
func pcap(frames [][]byte) []byte {
	b := le.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = le.LittleEndian.AppendUint16(b, 2)
	b = le.LittleEndian.AppendUint16(b, 4)
	for _, v := range []uint32{0, 0, 1 << 16, 1} { // zone, accuracy, longest, Ethernet
		b = le.LittleEndian.AppendUint32(b, v)
	}
	for i, f := range frames {
		for _, v := range []uint32{uint32(i), 0, uint32(len(f)), uint32(len(f))} {
			b = le.LittleEndian.AppendUint32(b, v)
		}
		b = append(b, f...)
	}
	return b
}

// TestTsharkReadsOurs: a dissector that isn't ours finds nothing to say about
// our LACPDUs and Marker Responses, and reads in them what we mean.
func TestTsharkReadsOurs(t *testing.T) {
	waits(t)
	need(t, "tshark")
	p := startPair(t, lab.Topology{Slaves: 2, Wire: true}, "lacp_rate fast ad_actor_sys_prio 7 ad_user_port_key 5", "lacp_rate fast")
	c, err := traffic.ListenFrames(p.lab.Wire, "a1", nil) // what A sends there
	p.must(err)
	defer c.Close()
	mk := lacp.Marker{Type: lacp.MarkerInformation, Port: 77, System: lacp.MAC{2, 0, 0, 0, 0, 0xcc}, Transaction: 0xdeadbeef}
	p.must(c.Send(mk.AppendFrame(nil, lacp.MAC{2, 0, 0, 0, 0, 0xcc})))
	var frames [][]byte
	p.must(c.SetDeadline(time.Now().Add(10 * time.Second)))
	for seen := map[byte]int{}; seen[1] < 3 || seen[2] < 1; {
		f, _, err := c.Receive()
		p.must(err)
		if f[12] == 0x88 && f[13] == 0x09 {
			seen[f[14]]++
			frames = append(frames, append([]byte{}, f...))
		}
	}
	file := filepath.Join(t.TempDir(), "lacp.pcap")
	p.must(os.WriteFile(file, pcap(frames), 0o644))
	read := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "tshark", append([]string{"-n", "-r", file}, args...)...).Output()
		p.must(err)
		return string(out)
	}
	if said := read("-Y", "_ws.malformed || _ws.expert || !(lacp || marker)", "-V"); said != "" {
		t.Errorf("tshark complains:\n%s", said)
	}
	a := p.state()
	want := strings.Join([]string{
		"7", a.MAC, "335", "255", "2", "0x3f", "65535", p.peer.state().MAC, "15", "255", "2", "0x3f",
	}, "\t")
	for line := range strings.Lines(read("-Y", "lacp", "-T", "fields",
		"-e", "lacp.actor.sys_priority", "-e", "lacp.actor.sysid", "-e", "lacp.actor.key", "-e", "lacp.actor.port_priority",
		"-e", "lacp.actor.port", "-e", "lacp.actor.state", "-e", "lacp.partner.sys_priority", "-e", "lacp.partner.sysid",
		"-e", "lacp.partner.key", "-e", "lacp.partner.port_priority", "-e", "lacp.partner.port", "-e", "lacp.partner.state")) {
		if got := strings.TrimSpace(line); got != want {
			t.Errorf("a LACPDU is\n%s\nwant\n%s", got, want)
		}
	}
	got := strings.TrimSpace(read("-Y", "marker", "-T", "fields", "-e", "marker.tlvType", "-e", "marker.requesterPort",
		"-e", "marker.requesterSystem", "-e", "marker.requesterTransId"))
	if !strings.HasPrefix(got, "0x02") || !strings.Contains(got, "77\t02:00:00:00:00:cc\t3735928559") {
		t.Errorf("the Marker Response is %q", got)
	}
}
