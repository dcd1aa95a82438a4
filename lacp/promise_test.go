package lacp

import (
	"reflect"
	"time"
)

// sameAsTwin: what a Machine does follows from the events alone, not from chance,
// and not from being looked at.
func (k *keeper) sameAsTwin(ev Event, out []Effect) {
	twin := k.twin.Step(k.now, ev, nil)
	if len(out)+len(twin) > 0 && !reflect.DeepEqual(out, twin) {
		k.t.Fatalf("after %+v one does %+v, its twin %+v", ev, out, twin)
	}
	at, ok := k.m.Next()
	if at2, ok2 := k.twin.Next(); ok != ok2 || !at.Equal(at2) {
		k.t.Fatalf("after %+v the next deadline is %v, its twin's %v", ev, at, at2)
	}
}

// saysWhatIsSo: a PDU says what the port's state is when it leaves.
func (k *keeper) saysWhatIsSo(st *State, out []Effect) {
	for _, e := range out {
		pdu, ok := e.(SendPDU)
		p := (*PortState)(nil)
		if ok {
			p = st.Port(pdu.Port)
		}
		if p != nil && (pdu.PDU.Actor != p.Actor || pdu.PDU.Partner != p.Partner) {
			k.t.Fatalf("port %d says %+v and is %+v, %+v", pdu.Port, pdu.PDU, p.Actor, p.Partner)
		}
	}
}

// keepsPromises holds a step against what was promised about ports that hear LACP
// and about the active aggregator.
func (k *keeper) keepsPromises(ev Event, st *State) {
	k.noteSync(st)
	k.noteBad(ev, st)
	for i := range st.Ports {
		p := &st.Ports[i]
		at := k.bad[p.Port]
		if at.IsZero() || !k.now.Before(at.Add(droppedLife)) {
			continue
		}
		switch {
		case p.Fallback:
			k.t.Fatalf("port %d is used without partner %v after a LACPDU was dropped", p.Port, k.now.Sub(at))
		case !p.Leaving && st.Up && p.Link && !p.HalfDuplex && p.Receive != "current" && p.Why != WhyIllegal:
			k.t.Fatalf("port %d says %s (%s), and a LACPDU was dropped %v ago", p.Port, p.Why, p.Reason, k.now.Sub(at))
		}
	}
	if _, changed := ev.(Configure); !changed && k.cfg.Select == Stable && st.Active != k.prev.Active {
		k.lostItsRole(ev, st)
	}
}

// noteSync follows since when partners that were in sync no longer are.
func (k *keeper) noteSync(st *State) {
	for i := range st.Ports {
		p := &st.Ports[i]
		was := k.prev.Port(p.Port)
		in := p.Receive == "current" && p.Partner.State.Has(Synchronization)
		switch {
		case in || was == nil:
			delete(k.outs, p.Port)
		case was.Receive == "current" && was.Partner.State.Has(Synchronization):
			k.outs[p.Port] = k.now
			if p.Receive == "expired" {
				k.outs[p.Port] = p.LastRx
			}
		}
	}
}

// noteBad follows which ports have heard LACPDUs that must be dropped since the
// last good one.
func (k *keeper) noteBad(ev Event, st *State) {
	switch ev := ev.(type) {
	case Frame:
		kind, body, why := classify(ev.Data, ev.InVLAN)
		var pdu LACPDU
		if kind == slowLACP && (why != Legal || pdu.Decode(body) != Legal) {
			k.bad[ev.Port] = k.now
		}
	case Admin:
		clear(k.bad)
	case PortLink:
		if p := k.prev.Port(ev.Port); p == nil || ev.Up && !p.Link {
			delete(k.bad, ev.Port)
		}
	}
	for i := range st.Ports {
		if p := &st.Ports[i]; p.LastRx.Equal(k.now) {
			delete(k.bad, p.Port)
		}
	}
}

// lostItsRole: an active aggregator that had formed and is as good as before, but
// for a partner that is out of sync, keeps its role for two seconds at least.
func (k *keeper) lostItsRole(ev Event, st *State) {
	was, is := k.prev.Aggregator(k.prev.Active), st.Aggregator(k.prev.Active)
	if was == nil || is == nil || was.Partner != is.Partner || was.PartnerKey != is.PartnerKey || was.Partner.MAC == (MAC{}) || was.Individual {
		return
	}
	formed, held := false, time.Time{}
	for _, id := range was.Ports {
		before, after := k.prev.Port(id), st.Port(id)
		if after == nil || after.Aggregator != is.ID || !before.PartnerSince.Equal(after.PartnerSince) || !after.Link || after.Leaving || !st.Up || before.Mux == "detached" || before.Mux == "waiting" {
			continue
		}
		formed = true
		if at := k.outs[id]; at.After(held) {
			held = at
		}
	}
	if formed && !held.IsZero() && k.now.Before(held.Add(minSelectHold)) {
		k.t.Fatalf("after %+v aggregator %d lost its role to %d, %v after its partner was in sync", ev, k.prev.Active, st.Active, k.now.Sub(held))
	}
}

// recovers: whatever happened, with sensible settings and a good partner on every
// port all of them carry traffic a few seconds later.
func (k *keeper) recovers() {
	k.cfg = fastConfig()
	k.step(Configure{k.cfg})
	k.step(Admin{true})
	for i := 0; i < len(k.ids); i++ {
		id := k.ids[i]
		if k.prev.Port(id).Leaving {
			k.ids = append(k.ids[:i:i], k.ids[i+1:]...)
			i--
			k.step(PortRemoved{id})
			continue
		}
		k.step(PortLink{Port: id, Up: true, Mbps: 10000})
	}
	for range 20 {
		k.everybody()
		k.wait(500 * time.Millisecond)
	}
	if k.prev.Carrier != (len(k.ids) > 0) {
		k.t.Fatalf("%d good partners, carrier %v", len(k.ids), k.prev.Carrier)
	}
	for i := range k.prev.Ports {
		if p := &k.prev.Ports[i]; !p.Distributing || !p.Collecting || p.Why != WhyOK {
			k.t.Fatalf("10 s of a good partner, and port %d: %s: %s", p.Port, p.Why, p.Reason)
		}
	}
}
