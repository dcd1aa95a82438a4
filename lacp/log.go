package lacp

import (
	"fmt"
	"time"
)

// budget keeps a partner that changes its mind ten thousand times a second from
// filling the disk.
type budget struct {
	since time.Time
	n     int
	left  uint64 // messages left out since then
}

const (
	logBurst  = 10
	logWindow = 10 * time.Second
)

// due is when the messages left out are to be owned up to.
func (b *budget) due() time.Time {
	if b.left == 0 {
		return time.Time{}
	}
	return b.since.Add(logWindow)
}

// log appends a message about a port, unless there were too many.
func (m *Machine) log(p *port, l Log) {
	if m.now.Sub(p.logs.since) >= logWindow && p.logs.left == 0 {
		p.logs = budget{since: m.now}
	}
	if p.logs.n == logBurst {
		p.logs.left++
		p.count.LogsSuppressed++
		return
	}
	p.logs.n++
	l.Port = p.id
	m.out = append(m.out, l)
}

func (m *Machine) flushLog(p *port) {
	if at := p.logs.due(); at.IsZero() || m.now.Before(at) {
		return
	}
	n := p.logs.left
	p.logs = budget{since: m.now}
	m.log(p, Log{Warn: true, Kind: "suppressed", Message: fmt.Sprintf("%d messages left out", n)})
}

// String is the system as people write it.
func (s System) String() string { return fmt.Sprintf("%d/%s", s.Priority, s.MAC) }

// describe names a port of another system.
func describe(i *Info) string {
	s := fmt.Sprintf("%s key %d port %d", i.ID(), i.Key, i.Port)
	if !i.State.Has(Aggregation) {
		s += ", individual"
	}
	return s
}
