package ipshell

import (
	"github.com/tapbond/tapbond/internal/link"
)

// loops reports whether a device can't become a port of a master because it is above
// it by way of a bond of ours. The kernel refuses the other loops itself.
func (s *Shell) loops(p *picture, dev, master string) bool {
	if len(p.bonds) == 0 || dev == "" || master == "" {
		return false
	}
	l, err := link.NewLinux()
	if err != nil {
		return false
	}
	defer l.Close()
	m, err := l.Relations()
	if err != nil {
		return false // ip and the daemon have the last word
	}
	for _, b := range p.bonds {
		for _, slave := range b.Slaves {
			m.Enslave(slave.Index, b.Index)
		}
	}
	d, above := m.Named(dev), m.Named(master)
	return d != nil && above != nil && m.IsAbove(d.ID, above.ID)
}
