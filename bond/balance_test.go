package bond

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/policy"
)

var three = []string{"eth0", "eth1", "eth2"}

// balanced makes a bond of three slaves, the host's address on it, and runs fn
// when it is up.
func balanced(t *testing.T, options string, fn func(*rig)) {
	t.Helper()
	run(t, options, three, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24")}
		r.sys.mu.Unlock()
		r.must(r.e.Sync(r.t.Context()))
		fn(r)
	})
}

// udpTo is a frame of the host's to a receiver, told apart by their last octet.
func udpTo(n byte) []byte {
	b := frameOf("02 00 00 00 00 aa 02 00 00 00 00 00 08 00 45 00 00 2e 00 00 40 00 40 11 00 00 0a 01 00 09 0a 01 00 00 30 39 13 88 00 1a 00 00")
	b[33] = n
	return b
}

// arpReply is the host's answer to a client.
func arpReply(n byte) []byte {
	b := frameOf("02 01 00 00 00 00 02 00 00 00 00 00 08 06 00 01 08 00 06 04 00 02 02 00 00 00 00 00 0a 01 00 09 02 01 00 00 00 00 0a 01 01 00")
	b[5], b[37], b[41] = n, n, n
	return b
}

// out are the frames with this EtherType that left by a slave's data socket
// since from, or by its control socket, in order.
func (r *rig) out(slave string, typ uint16) [][]byte {
	r.t.Helper()
	synctest.Wait()
	index := r.sys.index(slave)
	var all [][]byte
	p := r.port(index)
	p.mu.Lock()
	for i := range p.out {
		all = append(all, p.out[i].Frame())
	}
	p.mu.Unlock()
	r.sys.mu.Lock()
	for _, a := range r.sys.sent {
		if a.slave == index {
			all = append(all, a.frame)
		}
	}
	r.sys.mu.Unlock()
	return slices.DeleteFunc(all, func(b []byte) bool { return uint16(b[12])<<8|uint16(b[13]) != typ })
}

// forgetSent drops what control sockets have sent so far.
func (r *rig) forgetSent() {
	synctest.Wait()
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	r.sys.sent = nil
}

func macAt(b []byte, at int) string { return link.MACString([6]byte(b[at:])) }

func TestBalancedAddresses(t *testing.T) {
	for _, mode := range []string{"balance-tlb", "balance-alb"} {
		balanced(t, "mode "+mode, func(r *rig) {
			expect(t, "addresses", r.macs(three...), "0 0 1 2")
			r.sys.plug("eth0", false)
			expect(t, "two have swapped", r.macs(three...), "0 1 0 2")
			r.sys.plug("eth0", true)
			synctest.Wait()
			r.sys.plug("eth1", false)
			expect(t, "and again", r.macs(three...), "0 0 1 2")
			r.sys.plug("eth1", true)
			r.must(r.set("active_slave eth2"))
			expect(t, "on request", r.macs(three...), "0 2 1 0")
			r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MAC = user }))
			r.must(r.e.Sync(r.t.Context()))
			expect(t, "the bond's address is set", r.macs(three...), "02:01:02:03:04:05 2 1 02:01:02:03:04:05")
			r.must(r.b.Release(r.t.Context(), "eth2"))
			expect(t, "the active one leaves", r.macs(three...), "02:01:02:03:04:05 02:01:02:03:04:05 1 2")
			st := r.state()
			expect(t, "eth0's address in the state", st.Slaves[0].MAC, link.MACString(user))
			if strings.Contains(strings.Join(r.log(), "\n"), "put back") {
				t.Error("addresses were put back:", r.log())
			}
		})
	}
}

func TestBalancedCollision(t *testing.T) {
	run(t, "mode balance-alb", two, func(r *rig) {
		twin := r.sys.addLink("twin", mac0)
		r.sys.plug("twin", true)
		err := r.b.Enslave(r.t.Context(), "twin")
		if want := "bond0: (slave twin): the slave hw address is in use by the bond; couldn't find a slave with a free hw address to give it (this should not have happened)"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MAC = user }))
		r.must(r.e.Sync(r.t.Context()))
		other := r.sys.addLink("other", mac1)
		r.sys.plug("other", true)
		r.must(r.b.Enslave(r.t.Context(), "other")) // 0 is free: eth0 has the bond's
		expect(t, "addresses", r.macs("eth0", "eth1", "other"), "02:01:02:03:04:05 02:01:02:03:04:05 1 0")
		r.must(r.b.Release(r.t.Context(), "other"))
		expect(t, "own address", r.link(other).MAC, mac1)
		expect(t, "own address", r.link(twin).MAC, mac0)
	})
}

// What leaves by another slave than the active one has that one's address; a
// guest's frames keep theirs and stay on the active slave.
func TestBalancedSources(t *testing.T) {
	balanced(t, "mode balance-tlb xmit_hash_policy layer3+4", func(r *rig) {
		seen := map[string]int{}
		for n := range byte(60) {
			for _, s := range r.transmit(udpTo(n)) {
				seen[s]++
			}
		}
		for i, s := range three {
			if seen[s] < 10 {
				t.Errorf("%s sent %d of 60 flows", s, seen[s])
			}
			for _, b := range r.out(s, 0x0800) {
				if b[11] != byte(i) {
					t.Errorf("%s sent a frame from %s", s, macAt(b, 6))
				}
			}
		}
		guest := udpTo(1)
		guest[11] = 0x77
		for n := range byte(20) {
			guest[33] = n
			expect(t, "a guest's frame", strings.Join(r.transmit(guest), " "), "eth0")
		}
		expect(t, "its source", macAt(r.out("eth0", 0x0800)[len(r.out("eth0", 0x0800))-1], 6), "02:00:00:00:00:77")
		expect(t, "ARP", strings.Join(r.transmit(arpReply(1)), " "), "eth0")
	})
}

func TestBalancedReception(t *testing.T) {
	toSlave1 := frameOf("02 00 00 00 00 01 02 00 00 00 00 aa 88 b5")
	slaveBack := frameOf("ff ff ff ff ff ff 02 00 00 00 00 02 88 b5")
	balanced(t, "mode balance-alb", func(r *rig) {
		expect(t, "to a backup's address", r.receive("eth1", toSlave1), true)
		r.tap.q.mu.Lock()
		expect(t, "is for the bond", macAt(r.tap.q.out[len(r.tap.q.out)-1].Frame(), 0), "02:00:00:00:00:00")
		r.tap.q.mu.Unlock()
		expect(t, "a copy on another backup", r.receive("eth2", toSlave1), false)
		expect(t, "a copy on the active one", r.receive("eth0", toSlave1), false)
		expect(t, "the bond's, a copy on a backup", r.receive("eth1", toBond), false)
		r.sys.plug("eth1", false)
		synctest.Wait()
		expect(t, "on the active one when it is down", r.receive("eth0", toSlave1), true)
		r.sys.plug("eth1", true)
		synctest.Wait()
		expect(t, "flooded, on a backup", r.receive("eth1", flooded), false)
		expect(t, "flooded, on the active one", r.receive("eth0", flooded), true)
		expect(t, "a slave's own frame comes back", r.receive("eth0", slaveBack), false)
		expect(t, "link-local on a backup", r.receive("eth1", bpdu), false)
		for _, s := range three {
			have := r.port(r.sys.index(s)).membership().Unicast
			for i := range byte(3) {
				if !slices.Contains(have, [6]byte{2, 0, 0, 0, 0, i}) {
					t.Errorf("%s doesn't receive what is for %d: %v", s, i, have)
				}
			}
		}
	})
	balanced(t, "mode balance-tlb", func(r *rig) {
		expect(t, "to a backup's address", r.receive("eth1", toSlave1), false)
		expect(t, "to the bond, on a backup", r.receive("eth1", toBond), false)
		expect(t, "to the bond", r.receive("eth0", toBond), true)
	})
}

// What is under way to a slave that is released is delivered, there and, when
// the switch has learned it, on the active one.
func TestBalancedRelease(t *testing.T) {
	toSlave1 := frameOf("02 00 00 00 00 01 02 00 00 00 00 aa 88 b5")
	balanced(t, "mode balance-alb", func(r *rig) {
		r.forgetSent()
		released := make(chan error)
		go func() { released <- r.b.Release(r.t.Context(), "eth1") }()
		pass(10 * time.Millisecond)
		expect(t, "on the slave that leaves", r.receive("eth1", toSlave1), true)
		r.must(<-released)
		expect(t, "on the active one", r.receive("eth0", toSlave1), true)
		got := r.out("eth0", 0x9000)
		if !slices.ContainsFunc(got, func(b []byte) bool { return b[11] == 1 }) {
			t.Errorf("its address isn't learned on the active slave: % x", got)
		}
		pass(12 * time.Second)
		expect(t, "much later", r.receive("eth0", toSlave1), true) // as anybody's: the bridge on us may want it
		r.tap.q.mu.Lock()
		expect(t, "it is nobody's of ours", macAt(r.tap.q.out[len(r.tap.q.out)-1].Frame(), 0), "02:00:00:00:00:01")
		r.tap.q.mu.Unlock()
	})
}

func TestReceiveBalancing(t *testing.T) {
	balanced(t, "mode balance-alb", func(r *rig) {
		for n := range byte(9) {
			r.transmit(arpReply(n))
		}
		for i, s := range three {
			got := r.out(s, 0x0806)
			if len(got) < 3 {
				t.Fatalf("%s answered %d clients of 9", s, len(got))
			}
			for _, b := range got {
				if b[11] != byte(i) || b[27] != byte(i) {
					t.Errorf("%s said % x", s, b)
				}
			}
		}
		pass(5 * time.Second)
		// Those that are known are answered by the workers.
		r.forgetSent()
		before := r.port(r.sys.index("eth1")).written()
		expect(t, "a known client", strings.Join(r.transmit(arpReply(1)), " "), "eth1")
		p := r.port(r.sys.index("eth1"))
		p.mu.Lock()
		expect(t, "is told", macAt(p.out[before].Frame(), 22), "02:00:00:00:00:01")
		p.mu.Unlock()

		r.forgetSent()
		r.sys.plug("eth1", false)
		synctest.Wait()
		told := map[byte]byte{}
		for _, s := range []string{"eth0", "eth2"} {
			for _, b := range r.out(s, 0x0806) {
				if b[21] == 2 && b[5] < 9 {
					told[b[5]] = b[27]
				}
			}
		}
		for _, n := range []byte{1, 4, 7} {
			if got, ok := told[n]; !ok || got == 1 {
				t.Errorf("client %d was told %v, %v", n, got, ok)
			}
		}
		st := r.state().Balance
		per := map[string]int{}
		for _, c := range st.Clients {
			per[c.Slave]++
		}
		if per["eth0"]+per["eth2"] != 9 || per["eth0"] < 4 || per["eth2"] < 4 {
			t.Errorf("clients: %v", per)
		}
		r.sys.plug("eth1", true)
		pass(12 * time.Second)
		per = map[string]int{}
		for _, c := range r.state().Balance.Clients {
			per[c.Slave]++
		}
		if per["eth0"] != 3 || per["eth1"] != 3 || per["eth2"] != 3 {
			t.Errorf("clients after it came back: %v", per)
		}
		log := strings.Join(r.log(), "\n")
		if !strings.Contains(log, "told that we are at") {
			t.Error("no event of telling:", log)
		}
	})
}

// Requests to all go out by the client's slave with the bond's address in the
// packet; a client that answers is told later.
func TestRequestIsRemembered(t *testing.T) {
	request := frameOf("ff ff ff ff ff ff 02 00 00 00 00 00 08 06 00 01 08 00 06 04 00 01 02 00 00 00 00 00 0a 01 00 09 00 00 00 00 00 00 0a 01 01 05")
	answer := frameOf("02 00 00 00 00 00 02 01 00 00 00 05 08 06 00 01 08 00 06 04 00 02 02 01 00 00 00 05 0a 01 01 05 02 00 00 00 00 00 0a 01 00 09")
	balanced(t, "mode balance-alb", func(r *rig) {
		r.transmit(arpReply(1)) // eth0
		pass(5 * time.Second)
		r.transmit(request) // eth1
		got := r.out("eth1", 0x0806)
		if len(got) != 1 || got[0][11] != 1 || got[0][27] != 0 {
			t.Fatalf("the request: % x", got)
		}
		expect(t, "the answer", r.receive("eth0", answer), true)
		pass(1900 * time.Millisecond)
		expect(t, "frames so far", len(r.out("eth1", 0x0806)), 1)
		pass(300 * time.Millisecond)
		got = r.out("eth1", 0x0806)
		if len(got) != 3 || got[1][21] != 2 || got[1][5] != 5 || got[1][27] != 1 {
			t.Errorf("what the client was told: % x", got)
		}
	})
}

// When a question leaves, the workers know whose answer it asks for: one that
// comes at once is heard.
func TestAnswerFindsWhoWasAsked(t *testing.T) {
	request := frameOf("ff ff ff ff ff ff 02 00 00 00 00 00 08 06 00 01 08 00 06 04 00 01 02 00 00 00 00 00 0a 01 00 09 00 00 00 00 00 00 0a 01 01 05")
	answer := frameOf("02 00 00 00 00 00 02 01 00 00 00 05 08 06 00 01 08 00 06 04 00 02 02 01 00 00 00 05 0a 01 01 05 02 00 00 00 00 00 0a 01 00 09")
	balanced(t, "mode balance-alb", func(r *rig) {
		sent := 0
		r.sys.mu.Lock()
		r.sys.sending = func(frame []byte) {
			var f policy.Frame
			if frame[13] != 6 || !f.Decode(answer) {
				return
			}
			sent++
			if verdict, _ := r.b.snap.Load().balance.rlb.Incoming(&f, new(alb.Exchange)); verdict != alb.Note {
				t.Errorf("the answer gets verdict %d", verdict)
			}
		}
		r.sys.mu.Unlock()
		r.transmit(request)
		synctest.Wait()
		expect(t, "requests", sent, 1)
	})
}

// What is not ours to touch goes out by the active slave as it is.
func TestForeignARP(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"a guest's":          func(b []byte) { b[11], b[27] = 0x77, 0x77 },
		"not our address":    func(b []byte) { b[31] = 8 },
		"hardware length":    func(b []byte) { b[18] = 128 },
		"probe":              func(b []byte) { copy(b[28:32], []byte{0, 0, 0, 0}) },
		"announcement":       func(b []byte) { copy(b[38:42], b[28:32]) },
		"link-local":         func(b []byte) { b[28], b[29] = 169, 254 },
		"says another's MAC": func(b []byte) { b[27] = 5 },
	} {
		balanced(t, "mode balance-alb", func(r *rig) {
			b := arpReply(1)
			change(b)
			want := slices.Clone(b)
			for range 3 {
				expect(t, name, strings.Join(r.transmit(slices.Clone(b)), " "), "eth0")
			}
			for _, got := range r.out("eth0", 0x0806) {
				if !slices.Equal(got, want) {
					t.Errorf("%s: sent % x, was % x", name, got, want)
				}
			}
			expect(t, name+": clients", len(r.state().Balance.Clients), 0)
		})
	}
}

func TestLoadsAreCounted(t *testing.T) {
	balanced(t, "mode balance-tlb xmit_hash_policy layer3+4", func(r *rig) {
		for n := range byte(30) {
			r.transmit(udpTo(n))
		}
		r.transmit(toPeer)
		pass(2 * time.Second)
		st := r.state().Balance
		var sum uint64
		for _, b := range st.Buckets {
			sum += b.Octets
		}
		if sum != 30*60 || st.Unbalanced != 60 {
			t.Errorf("%d octets in buckets, %d beside", sum, st.Unbalanced)
		}
		pass(10 * time.Second)
		st = r.state().Balance
		if len(st.Buckets) == 0 || st.Buckets[0].Octets != 0 || st.Buckets[0].Rate == 0 {
			t.Errorf("after rebalancing: %+v", st.Buckets)
		}
		r.must(r.set("xmit_hash_policy layer2"))
		r.must(r.b.SetDown(r.t.Context()))
		r.must(r.set("tlb_dynamic_lb 0"))
		r.must(r.b.SetUp(r.t.Context()))
		if s := r.b.snap.Load(); s.pol.Table != nil {
			t.Error("a table without tlb_dynamic_lb")
		}
	})
}

// Wherever the process is killed, the next one goes on with addresses that are
// all different and the bond's with the active slave, and the NICs get their
// own back.
func TestBalancedAfterAKillAnywhere(t *testing.T) {
	killedWithAddresses(t, three, []string{"mode", "balance-alb"}, func(t *testing.T, at string, sys *fakeSystem, st State) {
		seen := map[string]string{}
		for _, s := range st.Slaves {
			mac := link.MACString(sys.links[s.Index].MAC)
			if mac != s.MAC || (s.Name == st.Active) != (mac == st.MAC) || seen[mac] != "" {
				t.Errorf("killed after %s: the bond %s, %s has %s, is to have %s, %v", at, st.MAC, s.Name, mac, s.MAC, seen)
			}
			seen[mac] = s.Name
		}
	})
}

// With alb_ipv6 neighbours are told by advertisements, as by ARP.
func TestReceiveBalancingIPv6(t *testing.T) {
	advert := func(n byte) []byte {
		b := frameOf(`02 01 00 00 00 00 02 00 00 00 00 00 86 dd 60 00 00 00 00 20 3a ff
			fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 09 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
			88 00`)[:56]
		b = append(b, make([]byte, 30)...)
		b[5], b[53] = n, n
		b[58] = 0x60 // solicited, override
		copy(b[62:], b[22:38])
		copy(b[78:], []byte{2, 1, 2, 0, 0, 0, 0, 0})
		var sum uint32 = 32 + 58
		for i := 22; i < len(b); i += 2 {
			sum += uint32(b[i])<<8 | uint32(b[i+1])
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		b[56], b[57] = byte(^sum>>8), byte(^sum)
		return b
	}
	run(t, "mode balance-alb", three, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("fd00::9/64")}
		r.sys.mu.Unlock()
		r.must(r.e.Sync(r.t.Context()))
		expect(t, "off", strings.Join(r.transmit(advert(1)), " "), "eth0")
		expect(t, "clients", len(r.state().Balance.Clients), 0)
		r.must(r.set("alb_ipv6 on"))
		for n := range byte(6) {
			r.transmit(advert(n))
		}
		r.sys.mu.Lock()
		told := map[byte]byte{}
		for _, a := range r.sys.sent {
			if b := a.frame; b[12] == 0x86 && b[11] == b[85] {
				told[b[5]] = b[85]
			}
		}
		r.sys.mu.Unlock()
		for n := range byte(6) {
			if mac, ok := told[n]; !ok || mac != n%3 {
				t.Errorf("client %d was told %d, %v", n, mac, ok)
			}
		}
		pass(5 * time.Second)
		r.forgetSent()
		r.sys.plug("eth1", false)
		synctest.Wait()
		again := 0
		for _, s := range []string{"eth0", "eth2"} {
			for _, b := range r.out(s, 0x86dd) {
				if b[54] == 136 && b[58] == 0x20 { // unsolicited, override
					again++
				}
			}
		}
		expect(t, "told at once", again, 4)
	})
}
