package ipshell

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/tapbond/tapbond/internal/control"
)

// lookLimit bounds how long a command waits for the daemon's answer.
const lookLimit = 2 * time.Second

// askAgain is when a daemon that did not answer is asked again: a batch must not
// wait for it at each line, and a monitor has to notice that it was resumed.
const askAgain = 10 * time.Second

// look asks the daemon. The picture says so if it does not answer.
func (s *Shell) look(ctx context.Context) (*picture, error) {
	if s.hung != nil && time.Since(s.hungAt) < askAgain {
		return &picture{hung: s.hung}, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, lookLimit, &control.HungError{Waited: lookLimit})
	defer cancel()
	p, err := s.askDaemon(ctx, limited)
	known := s.hung != nil
	if s.hung = nil; silent(err) {
		s.hung, s.hungAt = err, time.Now()
		if !known {
			s.complain("tapbond ip: %v; until then bonds are shown as the kernel has them", err)
		}
		return &picture{hung: s.hung}, nil
	}
	return p, err
}

// silent reports whether a daemon serves that can't be asked: it does not answer, or
// keeps its socket in another folder.
func silent(err error) bool {
	var hung *control.HungError
	return errors.As(err, &hung) || errors.Is(err, control.ErrBusy)
}

// needs reports whether only the daemon can carry r out: the installed ip would
// report success for a change that no bond has made.
func (s *Shell) needs(ctx context.Context, r *request) bool {
	switch {
	case r.dev == "" || helps(r):
		return false
	case r.kind == "bond" || r.kind == "bond_slave":
		return true
	case r.kind != "":
		return false
	case r.master != "":
		return s.isTAP(ctx, r.master)
	case r.nomaster:
		return s.linkOf(ctx, r.dev).Master == ""
	}
	return s.isTAP(ctx, r.dev) && slices.ContainsFunc(r.words, func(w string) bool { return w == "mtu" || w == "address" })
}

// linkJSON is what matters here of a link in ip's JSON.
type linkJSON struct {
	Name     string `json:"ifname"`
	Master   string `json:"master"`
	MTU      int    `json:"mtu"`
	Address  string `json:"address"`
	Linkinfo struct {
		Kind string `json:"info_kind"`
	} `json:"linkinfo"`
}

// linkOf returns a link as the installed ip shows it, zero if there is none.
func (s *Shell) linkOf(ctx context.Context, dev string) linkJSON {
	out, _, _ := s.ask(ctx, "-j", "-d", "link", "show", "dev", dev)
	var links []linkJSON
	if json.Unmarshal(out, &links) != nil || len(links) != 1 {
		return linkJSON{}
	}
	return links[0]
}

func (s *Shell) isTAP(ctx context.Context, dev string) bool {
	return s.linkOf(ctx, dev).Linkinfo.Kind == "tun"
}
