package ipshell

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
)

// set does what concerns bonds in `link set`, in the order in which the kernel
// takes a message: the type's options, what is set on the device, its master,
// and up last.
func (s *Shell) set(ctx context.Context, words, whole []string) int {
	p, err := s.look(ctx)
	if err != nil {
		return s.refused(err)
	}
	r, ok := parse(words)
	r.dev, r.master = s.ownName(p, r.dev), s.ownName(p, r.master)
	if ok && p.hung != nil && s.needs(ctx, &r) {
		s.complain("tapbond ip: %s: nothing was changed: only the daemon can do this", r.dev)
		return exitKernel
	}
	if ok && p.bond(r.master) == nil && s.loops(p, r.dev, r.master) {
		s.complain("RTNETLINK answers: Device or resource busy")
		return exitKernel
	}
	if !ok || !s.concerns(p, &r) {
		return s.settled(ctx, p, s.real(ctx, whole...))
	}
	if _, _, status := s.ask(ctx, "link", "show", "dev", r.dev); status != exitOK {
		s.complain("Cannot find device %q", r.dev)
		return exitUser
	}
	if r.master != "" && p.bond(r.master) == nil {
		if _, _, status := s.ask(ctx, "link", "show", "dev", r.master); status != exitOK {
			s.complain("Error: argument %q is wrong: Device does not exist", r.master)
			return exitSyntax
		}
	}
	if r.netns != "" && p.bond(r.dev) != nil {
		s.complain("RTNETLINK answers: Invalid argument") // a bond stays in its namespace
		return exitKernel
	}
	var opts []option.Assign
	if r.kind != "" {
		if status, ok := s.judge(ctx, r.kind, r.opts); !ok {
			return status
		}
		if opts, err = assigns(r.kind, r.dev, r.opts); err != nil {
			s.complain("Error: %v", err)
			return exitSyntax
		}
	}
	return s.settled(ctx, p, s.change(ctx, p, &r, opts))
}

// concerns: the request needs us, not just the installed ip.
func (s *Shell) concerns(p *picture, r *request) bool {
	_, slave := p.slave(r.dev)
	switch {
	case r.dev == "":
		return false
	case r.netns != "" && r.kind == "":
		return slave != nil || p.bond(r.dev) != nil
	case r.kind == "bond":
		return p.bond(r.dev) != nil && !helps(r)
	case r.kind == "bond_slave":
		return slave != nil && !helps(r)
	case r.kind != "":
		return false
	case p.bond(r.dev) != nil && r.changesLink():
		return true
	}
	return r.master != "" && (p.bond(r.master) != nil || slave != nil) || r.nomaster && slave != nil
}

func helps(r *request) bool { return len(r.opts) > 0 && r.opts[0] == "help" }

// change carries a request out. What was done before a refusal is taken back
// where that is possible: the options and the master are single requests that
// are refused whole.
func (s *Shell) change(ctx context.Context, p *picture, r *request, opts []option.Assign) int {
	owner, _ := p.slave(r.dev)
	if len(opts) > 0 {
		target := r.dev
		if r.kind == "bond_slave" {
			target = owner.Name
		}
		if err := p.client.Set(ctx, target, opts); err != nil {
			return s.refused(err)
		}
	}
	if p.bond(r.dev) != nil {
		if status, ok := s.setLink(ctx, p, r); !ok {
			return status
		}
	}
	joins := r.master != "" && p.bond(r.master) != nil
	var before []string
	if r.down {
		before = append(before, "down")
	}
	if words := r.rest(r.dev, before...); words != nil {
		if status := s.real(ctx, words...); status != exitOK {
			return status
		}
	}
	dev := r.dev
	if name := renamed(r); name != "" {
		dev = name
	}
	if owner != nil && (r.nomaster || r.netns != "" || r.master != "" && r.master != owner.Name) {
		// If another command released it meanwhile, what was asked for is done.
		if err := p.client.Release(ctx, owner.Name, dev); err != nil && !errors.Is(err, unix.EINVAL) {
			return s.refused(err)
		}
		owner = nil
	}
	var after []string
	switch {
	case joins && owner != nil && owner.Name == r.master: // it is there already: nothing to do, as for the kernel
	case joins:
		if err := p.client.Enslave(ctx, r.master, dev); err != nil {
			return s.refused(asNetlink(err))
		}
	case r.master != "":
		after = append(after, "master", r.master)
	}
	if r.up {
		after = append(after, "up")
	}
	if r.netns != "" {
		after = append(after, "netns", r.netns)
	}
	if len(after) == 0 {
		return exitOK
	}
	return s.real(ctx, append([]string{"link", "set", "dev", dev}, after...)...)
}

func renamed(r *request) (name string) {
	for i := 0; i+1 < len(r.words); i++ {
		if r.words[i] == "name" {
			name = r.words[i+1]
		}
	}
	return name
}

// asNetlink: what rtnetlink itself answers before the driver is asked.
func asNetlink(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return unix.ENODEV
	}
	return err
}
