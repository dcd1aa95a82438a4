package bond

import "time"

// ProbesState is the ARP and ND monitor of a bond.
type ProbesState struct {
	Interval int           `json:"interval_ms"`
	Targets  []TargetState `json:"targets"`
}

// TargetState is one target of the ARP and ND monitor.
type TargetState struct {
	Target     string    `json:"target"`
	AskedAt    time.Time `json:"unanswered_since,omitzero"` // the first probe since the last answer
	AnsweredAt time.Time `json:"answered,omitzero"`         // the last answer; zero: never
}

// probesState is nil while that monitor is off.
func (b *Bond) probesState() *ProbesState {
	if b.probing == nil {
		return nil
	}
	st := &ProbesState{Interval: int(b.vals.ArpInterval), Targets: []TargetState{}}
	for _, t := range b.probing.prober.Targets() {
		ts := TargetState{Target: t.Addr.String(), AnsweredAt: t.AnsweredAt}
		if t.AskedAt.After(t.AnsweredAt) {
			ts.AskedAt = t.AskedAt
		}
		st.Targets = append(st.Targets, ts)
	}
	return st
}
