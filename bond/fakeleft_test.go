package bond

import (
	"slices"

	"github.com/tapbond/tapbond/internal/link"
)

// What a process finds that another one left.

func (f *fakeSystem) RestoreInUse(index int, s link.Saved) error {
	i, err := f.LinkByIndex(index)
	if err == nil && len(f.passedBy(index)) > 0 {
		err = f.change("restore_vlans", index, func(*link.Info) { delete(f.vlans.passed, index) })
	}
	if err == nil && i.MAC != s.MAC {
		err = f.change("restore_mac", index, func(l *link.Info) { l.MAC = s.MAC })
	}
	if err == nil && i.MTU != s.MTU {
		err = f.change("restore_mtu", index, func(l *link.Info) { l.MTU = s.MTU })
	}
	if now := f.noIPv6(index); err == nil && now != s.IPv6 {
		err = f.change("restore_ipv6", index, func(*link.Info) { f.ipv6[index] = s.IPv6 })
	}
	return err
}

func (f *fakeSystem) Marked(index int) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shields[index], nil
}

func (f *fakeSystem) Hooked(index int) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hooks[index], nil
}

func (f *fakeSystem) Unshield(index int, hooked bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.hooks[index] || hooked && !f.shields[index] {
		return nil
	}
	err := f.call("unshield", index)
	delete(f.shields, index)
	if !hooked {
		delete(f.hooks, index)
	}
	return err
}

func (f *fakeSystem) OwnTAP(i link.Info) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.marks[i.Index]
}

func (f *fakeSystem) DeleteTAP(index int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.call("untap", index)
	if err == nil {
		delete(f.links, index)
	}
	return err
}

func (f *fakeSystem) RemoveLane(index int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.call("unlane", index)
}

// noIPv6 is the sysctl disable_ipv6 of a link.
func (f *fakeSystem) noIPv6(index int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.ipv6[index]; ok {
		return v
	}
	return "0"
}

func (f *fakeSystem) Links() ([]link.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []link.Info
	for _, l := range f.links {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b link.Info) int { return a.Index - b.Index })
	return out, nil
}

func (f *fakeSystem) Unsaved(i link.Info) (link.Saved, error) {
	s := link.Saved{MAC: i.PermMAC, MTU: i.MTU, IPv6: "0"}
	if s.MAC == ([6]byte{}) {
		s.MAC = i.MAC
	}
	return s, nil
}

func (f *fakeSystem) IPv6Off(name string) bool { return f.noIPv6(f.index(name)) == "1" }
