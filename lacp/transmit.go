package lacp

import "time"

// The Transmit machine: 6.4.16. At most three PDUs in any Fast_Periodic_Time,
// and what has to wait is made when it is sent: the partner hears the last
// state, and hears it.

const (
	txLimit = 3
	// txWindow is a little more than Fast_Periodic_Time: the partner counts what
	// arrives, which can be closer together than what was sent.
	txWindow = fastPeriodicTime + 20*time.Millisecond
	// txEcho is between a PDU and the next one that only repeats what the
	// partner's echo has wrong, txEchoes between two of those. With a partner
	// whose echo stays wrong all three would be used up, and news would wait.
	txEcho   = 340 * time.Millisecond
	txEchoes = fastPeriodicTime - 20*time.Millisecond
	// txRetry is when a PDU that couldn't be sent is tried again.
	txRetry = 100 * time.Millisecond
)

// talks: the port may send now, limits apart.
func (m *Machine) talks(p *port) bool {
	return p.goodbye && p.link || p.periodic != noPeriodic && !p.said
}

// txAt is when the port's pending PDU may leave.
func (p *port) txAt() time.Time {
	at := p.retryAt
	later := func(t time.Time, d time.Duration) {
		if t = t.Add(d); t.After(at) {
			at = t
		}
	}
	later(p.sent[p.next], txWindow)
	if !p.ntt {
		later(p.lastRepeat, txEchoes)
		later(p.lastTx, txEcho)
	}
	return at
}

func (m *Machine) transmit(p *port) {
	if !m.talks(p) {
		p.ntt, p.repeat = false, false
		p.goodbye = false
		p.deferred = false
		return
	}
	if !p.ntt && !p.repeat {
		return
	}
	if at := p.txAt(); m.now.Before(at) {
		if !p.deferred {
			p.count.TxDeferred++
		}
		p.deferred = true
		return
	}
	p.sent[p.next] = m.now
	p.next = (p.next + 1) % txLimit
	p.lastTx = m.now
	if !p.ntt {
		p.lastRepeat = m.now
	}
	p.ntt, p.repeat, p.deferred, p.retryAt = false, false, false, time.Time{}
	if p.goodbye {
		p.goodbye, p.said = false, true
	}
	p.count.LACPDUsTx++
	actor := m.actor(p)
	if !actor.State.Has(Synchronization) {
		p.syncSaid = time.Time{}
	} else if p.syncSaid.IsZero() {
		p.syncSaid = m.now
	}
	m.out = append(m.out, SendPDU{Port: p.id, PDU: LACPDU{Version: lacpVersion, Actor: actor, Partner: p.partner}})
}

// sendFailed takes back the last PDU.
func (m *Machine) sendFailed(p *port) {
	last := (p.next + txLimit - 1) % txLimit
	if p.sent[last].IsZero() {
		return
	}
	p.sent[last] = time.Time{}
	p.next = last
	p.count.LACPDUsTx--
	p.count.TxFailed++
	p.ntt = true
	p.syncSaid = time.Time{} // the one before said it too, or nobody did
	p.retryAt = m.now.Add(txRetry)
	if p.said {
		p.goodbye, p.said = true, false
	}
}
