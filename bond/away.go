package bond

import (
	"fmt"
	"slices"
	"time"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
)

// Away is a slave whose NIC is gone, and which is taken again when the NIC returns.
type Away struct {
	Name    string    `json:"name"`
	HWAddr  [6]byte   `json:"hw_address"` // the NIC's own permanent address, zero if it had none
	Since   time.Time `json:"since"`
	Primary bool      `json:"primary,omitempty"` // primary was set to it

	// Its options, which it has again then.
	Prio        int32  `json:"prio,omitempty"`
	QueueID     uint16 `json:"queue_id,omitempty"`
	PortPrio    uint16 `json:"actor_port_prio,omitempty"`
	AssumedMbps uint32 `json:"assumed_speed_mbps,omitempty"`

	// How the NIC was found, and the address that the bond gave it. If it still has
	// that when it returns, it was moved away and not restored.
	Saved link.Saved `json:"saved,omitzero"`
	MAC   [6]byte    `json:"mac,omitzero"`

	why string // it could not be taken when it was there
}

// AwaySlave is an Away in a State.
type AwaySlave struct {
	Name    string    `json:"name"`
	PermMAC string    `json:"perm_hwaddr,omitempty"` // empty if the NIC had none
	Since   time.Time `json:"since"`
	Why     string    `json:"why,omitempty"` // it is back and can't be taken
}

// readds reports whether a slave is to be taken again when its NIC is gone and
// returns: where option readd says so, or says nothing and the slave is configured.
func (b *Bond) readds(configured bool) bool {
	return b.vals.Readd == option.ReaddOn || b.vals.Readd == option.ReaddAuto && configured
}

// goAway keeps what is known of a slave for the time when its NIC returns.
func (b *Bond) goAway(r *SlaveRecord) {
	a := Away{
		Name: r.Name, Since: b.now(), Primary: b.vals.Primary == r.Name,
		Prio: r.Prio, QueueID: r.QueueID, PortPrio: r.PortPrio, AssumedMbps: r.AssumedMbps,
		Saved: r.Saved, MAC: r.MAC,
	}
	if r.Identity != nil {
		a.HWAddr = r.Identity.HWAddr
	}
	b.forgetAway(a.Name, a.HWAddr)
	b.away = append(b.away, a)
	b.dirty = true
	b.lookBack()
}

// forgetAway drops a slave that is away, by its name or its NIC's address, and
// reports whether there was one.
func (b *Bond) forgetAway(name string, hw [6]byte) bool {
	n := len(b.away)
	b.away = slices.DeleteFunc(b.away, func(a Away) bool {
		return a.Name == name || hw != [6]byte{} && a.HWAddr == hw
	})
	b.dirty = b.dirty || n != len(b.away)
	return n != len(b.away)
}

func (b *Bond) awaySlaves() []AwaySlave {
	var out []AwaySlave
	for _, a := range b.away {
		s := AwaySlave{Name: a.Name, Since: a.Since, Why: a.why}
		if a.HWAddr != [6]byte{} {
			s.PermMAC = link.MACString(a.HWAddr)
		}
		out = append(out, s)
	}
	return out
}

// is reports whether a link is the NIC that is away: by its permanent address, or
// by its name. sure: there is nothing to wait for. A NIC that has just appeared may
// be about to be renamed; set up as a slave it couldn't be.
func (a *Away) is(l link.Info) (match, sure bool) {
	named := l.Name == a.Name
	if l.PermMAC == a.HWAddr {
		return named || a.HWAddr != [6]byte{}, named
	}
	return named, false
}

// find looks for the NIC among all links.
func (a *Away) find(links []link.Info) (found link.Info, sure, ok bool) {
	for _, l := range links {
		match, certain := a.is(l)
		if match && (!ok || l.PermMAC == a.HWAddr) {
			found, sure, ok = l, certain, true
		}
	}
	return found, sure, ok
}

// readdedText is the reason of a slave's return.
func (a *Away) readdedText(name string, now time.Time) string {
	text := fmt.Sprintf("its NIC is back after %s", now.Sub(a.Since).Round(time.Millisecond))
	if name != a.Name {
		text += ", it was called " + a.Name
	}
	return text
}
