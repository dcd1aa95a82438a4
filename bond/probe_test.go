package bond

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// OnLink: what an address of a link has in its network is on that link.
func (f *fakeSystem) OnLink(to netip.Addr, out int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, list := range f.addrs {
		for _, p := range list {
			if p.Contains(to) && (out == 0 || out == i) {
				return i, nil
			}
		}
	}
	return 0, unix.ENETUNREACH
}
