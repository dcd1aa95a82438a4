package ipshell

import (
	"context"
	"runtime"

	"github.com/vishvananda/netns"
)

// enter goes into a named namespace with the calling thread; what it starts is
// there too. leave comes back. Where the name is unknown the installed ip says
// so, and leave is nil.
func (s *Shell) enter(ctx context.Context, name string, args []string) (leave func(), status int) {
	runtime.LockOSThread()
	here, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		s.complain("tapbond ip: %v", err)
		return nil, exitUser
	}
	there, err := netns.GetFromName(name)
	if err == nil {
		err = netns.Set(there)
		there.Close()
	}
	if err != nil {
		here.Close()
		runtime.UnlockOSThread()
		return nil, s.real(ctx, args...)
	}
	hung := s.hung
	s.hung = nil
	return func() {
		s.hung = hung
		if netns.Set(here) == nil {
			runtime.UnlockOSThread() // else the thread ends with the goroutine
		}
		here.Close()
	}, 0
}
