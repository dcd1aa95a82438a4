package e2e

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bench/traffic"
)

// announcement: it tells where an address is, by an ARP request for the sender's
// own address or by an advertisement that nobody asked for.
func announcement(frame string) bool {
	if len(frame) < 84 {
		return false
	}
	switch frame[24:28] {
	case "0806":
		return frame[40:44] == "0001" && frame[56:64] == frame[76:84]
	case "86dd":
		return len(frame) >= 172 && frame[40:42] == "3a" && frame[108:110] == "88" && frame[116:118] == "20"
	}
	return false
}

// recordedAnnouncements reads those that a slave carried.
func recordedAnnouncements(t *testing.T, name string) []sent {
	t.Helper()
	data, err := os.ReadFile("testdata/wire/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []sent
	for line := range strings.Lines(string(data)) {
		var s sent
		var seconds float64
		if _, err := fmt.Sscan(line, &seconds, &s.frame); err == nil && announcement(s.frame) {
			s.at = time.Duration(seconds * float64(time.Second))
			out = append(out, s)
		}
	}
	return out
}

// TestAnnouncementsAsRecorded: two failovers, with num_grat_arp 3 and
// peer_notify_delay 200: the frames that the driver sent, in its order, at its
// times. The host is set to announce what it likes: it adds nothing.
func TestAnnouncementsAsRecorded(t *testing.T) {
	b := newBooth(t)
	for _, s := range []string{"ipv4.conf.default.arp_notify=1", "ipv6.conf.default.ndisc_notify=1"} {
		b.in("sysctl -qw net." + s)
	}
	b.bond("mode active-backup miimon 100 num_grat_arp 3 peer_notify_delay 200")
	b.sh("ip -n " + b.ns + " addr add fd00::9/64 dev bond0 nodad")
	// Its link-local address is announced once it is no longer tentative.
	b.eventually("addresses in use", "", func() string { return b.sh("ip -n " + b.ns + " -6 addr show dev bond0 tentative") })
	for cut, name := range []string{"ab-failover-eth1", "ab-failover-eth0"} {
		conn, err := traffic.ListenFrames(nsPlace(b.sw), fmt.Sprintf("s%d", 1-cut), nil)
		if err != nil {
			t.Fatal(err)
		}
		b.plug(cut, "down")
		var got []sent
		if err := conn.SetDeadline(time.Now().Add(1200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		for {
			f, at, err := conn.Receive()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if frame := hex.EncodeToString(f); announcement(frame) {
				got = append(got, sent{time.Duration(at), frame})
			}
		}
		conn.Close()
		same(t, name, recordedAnnouncements(t, name), got)
		b.plug(cut, "up")
		b.eventually("both links are up", "2", func() string {
			return fmt.Sprint(strings.Count(b.in(binary+" proc bond0"), "MII Status: up\nSpeed"))
		})
	}
}

func same(t *testing.T, name string, want, got []sent) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d announcements, recorded are %d", name, len(got), len(want))
	}
	for i := range want {
		if diff := cmp.Diff(want[i].frame, got[i].frame); diff != "" {
			t.Errorf("%s: frame %d (-recorded +sent):\n%s", name, i, diff)
		}
		// The driver's are late by its ticks, ours by the machine's.
		w, g := want[i].at-want[0].at, got[i].at-got[0].at
		if off := (g - w).Abs(); off > allow(40*time.Millisecond) {
			t.Errorf("%s: frame %d after %v, recorded after %v", name, i, g, w)
		}
	}
}
