package ipshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/link"
)

// Client is what a shell asks of the daemon.
type Client interface {
	Bonds(ctx context.Context) ([]bond.State, error)
	Create(ctx context.Context, req control.CreateRequest) (string, error)
	Set(ctx context.Context, bond string, opts []option.Assign) error
	SetLink(ctx context.Context, bond string, req control.LinkRequest) error
	Enslave(ctx context.Context, bond, slave string) error
	Release(ctx context.Context, bond, slave string) error
	Delete(ctx context.Context, bond string) error
	Sync(ctx context.Context) error
}

// Shell runs ip commands. All fields but Real's default must be set.
type Shell struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Real           string // path of the installed ip
	// Connect returns a client of the daemon of the namespace that the calling
	// thread is in; whether one serves shows at the first request.
	Connect func(ctx context.Context) (Client, error)
	// Start starts a daemon there.
	Start func(ctx context.Context) error
	// OwnName returns the name of the interface there that has this one as its name
	// or as an alternative one, and the name itself if there is none; nil is
	// link.OwnName.
	OwnName func(name string) string

	hung   error // why the daemon of the namespace the thread is in can't be asked; nil: it answers
	hungAt time.Time
}

// Exit statuses, as ip's.
const (
	exitOK     = 0
	exitUser   = 1   // what was named does not exist, or is no command
	exitKernel = 2   // refused
	exitSyntax = 255 // not understood
)

// Run carries out one command line, without its first word, and returns the
// status to exit with.
func (s *Shell) Run(ctx context.Context, args []string) int {
	g, rest, ok := parseGlobals(args)
	if !ok || g.other {
		return s.real(ctx, args...)
	}
	if g.netns != "" {
		leave, status := s.enter(ctx, g.netns, args)
		if leave == nil {
			return status
		}
		defer leave()
	}
	if g.batch != "" {
		return s.batch(ctx, &g)
	}
	return s.line(ctx, &g, rest)
}

// line carries out one command after its options, in the namespace the calling
// thread is in.
func (s *Shell) line(ctx context.Context, g *globals, words []string) int {
	whole := append(append([]string{}, g.all...), words...)
	if len(words) == 0 {
		return s.real(ctx, whole...)
	}
	object, words := words[0], words[1:]
	// ip tries address before link: "a" is address, "l" is link.
	switch {
	case match(object, "address"):
		if len(words) == 0 || isShow(words[0]) {
			return s.show(ctx, g, object, words)
		}
	case match(object, "link"):
		return s.link(ctx, g, object, words, whole)
	case len(object) > 1 && match(object, "monitor"): // "m" is maddress
		return s.monitor(ctx, g, words, whole)
	}
	return s.real(ctx, whole...)
}

func isShow(word string) bool {
	return match(word, "show") || match(word, "lst") || match(word, "list")
}

func (s *Shell) link(ctx context.Context, g *globals, object string, words, whole []string) int {
	if len(words) == 0 {
		return s.show(ctx, g, object, words)
	}
	switch verb := words[0]; {
	case match(verb, "add"):
		return s.add(ctx, words[1:], whole)
	case match(verb, "set"), match(verb, "change"):
		return s.set(ctx, words[1:], whole)
	case match(verb, "replace"):
		return s.real(ctx, whole...)
	case match(verb, "delete"):
		return s.del(ctx, words[1:], whole)
	case isShow(verb):
		return s.show(ctx, g, object, words)
	case match(verb, "xstats"):
		return s.xstats(ctx, g, words[1:], whole)
	}
	return s.real(ctx, whole...)
}

// complain prints a line where ip prints what is wrong.
func (s *Shell) complain(format string, args ...any) {
	fmt.Fprintf(s.Stderr, format+"\n", args...)
}

// refused prints the kernel's answer as ip would, and returns ip's status.
func (s *Shell) refused(err error) int {
	var no *control.Error
	switch {
	case errors.As(err, &no):
		s.complain("%s", no.IPText())
		if strings.Contains(no.Message, "(needs CAP_") { // the kernel's text alone says nothing
			s.complain("%s", no.Message)
		}
	case errors.Is(err, os.ErrPermission):
		s.complain("RTNETLINK answers: Operation not permitted")
	case errors.Is(err, control.ErrNoServer):
		s.complain("Error: %v.", err)
	default:
		s.complain("tapbond ip: %v", err)
	}
	return exitKernel
}

// picture is what the daemon says of the namespace.
type picture struct {
	client Client
	bonds  []bond.State
	hung   error // the daemon can't be asked: nothing is known
}

// askDaemon asks the daemon, which limited bounds; where none serves the picture
// is empty.
func (s *Shell) askDaemon(ctx, limited context.Context) (*picture, error) {
	c, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	p := &picture{client: c}
	p.bonds, err = c.Bonds(limited)
	if errors.Is(err, control.ErrNoServer) || errors.Is(err, os.ErrPermission) {
		return &picture{}, nil // as on a kernel that has no bonds
	}
	return p, err
}

// bond returns the bond of that name, nil if there is none.
func (p *picture) bond(name string) *bond.State {
	for i := range p.bonds {
		if p.bonds[i].Name == name {
			return &p.bonds[i]
		}
	}
	return nil
}

// slave returns the slave of that name with its bond, nil if it isn't one.
func (p *picture) slave(name string) (*bond.State, *bond.SlaveState) {
	for i := range p.bonds {
		for j := range p.bonds[i].Slaves {
			if p.bonds[i].Slaves[j].Name == name {
				return &p.bonds[i], &p.bonds[i].Slaves[j]
			}
		}
	}
	return nil, nil
}

// ownName resolves a name that a command line has for a device. The names that the
// daemon uses are the devices' own.
func (s *Shell) ownName(p *picture, name string) string {
	if name == "" || len(p.bonds) == 0 || p.bond(name) != nil {
		return name
	}
	if _, slave := p.slave(name); slave != nil {
		return name
	}
	if s.OwnName != nil {
		return s.OwnName(name)
	}
	return link.OwnName(name)
}

// settled has the daemon follow what the installed ip did, so that what a
// command was to do is so when it returns.
func (s *Shell) settled(ctx context.Context, p *picture, status int) int {
	if p == nil || p.client == nil || len(p.bonds) == 0 {
		return status
	}
	if err := p.client.Sync(ctx); err != nil && !errors.Is(err, control.ErrNoServer) {
		return s.refused(err)
	}
	return status
}
