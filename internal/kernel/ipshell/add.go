package ipshell

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
)

// add makes a bond for `link add … type bond`, all of it or nothing. Anything
// else is the installed ip's.
func (s *Shell) add(ctx context.Context, words, whole []string) int {
	r, ok := parse(words)
	if name := named(&r); name != "" {
		r.dev = name
	}
	if !ok || r.kind != "bond" || len(r.opts) > 0 && r.opts[0] == "help" {
		status := s.real(ctx, whole...)
		if p, err := s.look(ctx); err == nil { // a device on a bond is announced too
			return s.settled(ctx, p, status)
		}
		return status
	}
	if status, ok := s.judge(ctx, "bond", r.opts); !ok {
		return status
	}
	opts, err := assigns("bond", "", r.opts)
	if err != nil {
		s.complain("Error: %v", err)
		return exitSyntax
	}
	if r.netns != "" {
		leave, status := s.enter(ctx, r.netns, whole)
		if leave == nil {
			return status
		}
		defer leave()
	}
	switch {
	case r.dev == "":
		r.dev = "bond%d"
	case len(r.dev) >= unix.IFNAMSIZ:
		s.complain("Error: Attribute failed policy validation.")
		return exitKernel
	}
	c, name, err := s.create(ctx, control.CreateRequest{Name: r.dev, Options: opts})
	if err != nil {
		return s.refused(err)
	}
	return s.finish(ctx, c, name, &r)
}

// named takes the name out of the words meant for the installed ip: for a new
// device `name X` says what it is called.
func named(r *request) (name string) {
	for i := 0; i+1 < len(r.words); i++ {
		if r.words[i] == "name" {
			name = r.words[i+1]
			r.words = append(r.words[:i:i], r.words[i+2:]...)
			break
		}
	}
	return name
}

// create asks the daemon for a bond, starting one where there is none.
func (s *Shell) create(ctx context.Context, req control.CreateRequest) (Client, string, error) {
	c, err := s.Connect(ctx)
	if err != nil {
		return nil, "", err
	}
	name, err := c.Create(ctx, req)
	if errors.Is(err, control.ErrNoServer) {
		if err = s.Start(ctx); err == nil {
			name, err = c.Create(ctx, req)
		}
	}
	return c, name, err
}

// finish gives a new bond what else was asked for; if it can't, the bond is
// taken back.
func (s *Shell) finish(ctx context.Context, c Client, name string, r *request) int {
	var more []string
	if r.master != "" {
		more = append(more, "master", r.master)
	}
	if r.up {
		more = append(more, "up")
	}
	words := r.rest(name, more...)
	if words == nil {
		return exitOK
	}
	if status := s.real(ctx, words...); status != exitOK {
		if err := c.Delete(ctx, name); err != nil {
			return s.refused(err)
		}
		return status
	}
	if err := c.Sync(ctx); err != nil {
		return s.refused(err)
	}
	return exitOK
}
