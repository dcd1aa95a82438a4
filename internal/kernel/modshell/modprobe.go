package modshell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modconf"
	"github.com/tapbond/tapbond/internal/modparam"
)

// modprobe loads or unloads what is bonding's and hands the rest on.
func (s *Shell) modprobe(ctx context.Context, args []string) int {
	f, err := modprobeGrammar.parse(args)
	if err != nil || len(f.rest) == 0 || s.asksOther(f) {
		return s.Real("modprobe", args)
	}
	conf, confErr := s.config(f)
	names, words := f.rest[:1], f.rest[1:]
	if f.has("all") || f.has("remove") {
		names, words = f.rest, nil
	}
	var others []string
	status := 0
	for _, name := range names {
		switch {
		case !means(conf, name):
			others = append(others, name)
		case confErr != nil:
			return s.complain("modprobe: ERROR: %v", confErr)
		case f.has("remove"):
			var ours bool
			if ours, status = s.remove(ctx, f, status); !ours {
				others = append(others, name)
			}
		default:
			p := &parameters{conf: conf, name: name}
			for _, w := range words {
				p.line = append(p.line, modparam.ParseWord(w))
			}
			status = max(status, s.load(ctx, f, p))
		}
	}
	switch {
	case len(others) == len(names):
		return s.Real("modprobe", args)
	case len(others) > 0:
		return max(status, s.Real("modprobe", append(f.kept, others...)))
	}
	return status
}

// asksOther: questions that the installed modprobe answers.
func (s *Shell) asksOther(f *flags) bool {
	for _, name := range []string{"showconfig", "show-config", "show-modversions", "dump-modversions", "show-exports", "version", "help"} {
		if f.has(name) {
			return true
		}
	}
	return false
}

// config reads modprobe's configuration, or what -C names.
func (s *Shell) config(f *flags) (*modconf.Config, error) {
	if path := f.set["config"]; path != "" {
		return modconf.ReadPath(path)
	}
	return modconf.Read(s.Root)
}

// means: without a readable configuration only the module's own name is ours.
func means(conf *modconf.Config, name string) bool {
	if conf == nil {
		return strings.ReplaceAll(name, "-", "_") == modconf.Module
	}
	return conf.Means(name)
}

// load is modprobe of the module or of an alias of it.
func (s *Shell) load(ctx context.Context, f *flags, p *parameters) int {
	verbose, quiet := f.has("verbose"), f.has("quiet")
	if verbose {
		for _, n := range p.conf.Notes() {
			s.complain("modprobe: %s", n)
		}
	}
	if f.has("resolve-alias") {
		fmt.Fprintln(s.Stdout, modconf.Module)
		return 0
	}
	if b := p.conf.Blacklisted(); b != nil && (p.alias() != "" || f.has("use-blacklist")) {
		if !quiet {
			s.complain("modprobe: %s: not loaded for %s; `modprobe bonding` loads it", b, p.name)
		}
		return 0 // as modprobe: it is no error
	}
	req := p.request()
	insmod := strings.TrimRight("insmod bonding.ko "+text(req.Parameters), " ")
	if f.has("show-depends") {
		fmt.Fprintln(s.Stdout, insmod)
		return 0
	}
	if f.has("dry-run") || f.has("show") {
		return s.dryRun(req, p, verbose, insmod)
	}
	if !s.kernels("modprobe") {
		return 1
	}
	c, got, err := s.insert(ctx, req)
	switch {
	case errors.Is(err, unix.EEXIST) && c != nil:
		return s.loaded(ctx, c, f, p)
	case err != nil:
		return s.refused(err, p)
	}
	if verbose {
		fmt.Fprintln(s.Stdout, insmod)
	}
	if !quiet {
		s.say(got.Log, verbose)
	}
	if name := p.alias(); name != "" && len(got.Bonds) > 0 && !slices.Contains(got.Bonds, name) {
		return s.loaded(ctx, c, f, p) // the bond that was asked for is another one
	}
	return 0
}

func (s *Shell) refused(err error, p *parameters) int {
	s.complain("modprobe: ERROR: could not insert '%s': %s", p.name, why(err))
	s.reason(err, p)
	return 1
}

// loaded is modprobe when the module is loaded: nothing is to be done, unless a
// bond was asked for by its name that isn't there. The old recipes for several
// bonds, each with options of its own, mean it.
func (s *Shell) loaded(ctx context.Context, c Client, f *flags, p *parameters) int {
	name := p.alias()
	if o := f.set["name"]; o != "" {
		name = o // modprobe -o bond1 bonding …: the module once more, for another bond
	}
	if name != "" {
		_, err := c.Bond(ctx, name)
		if errors.Is(err, unix.ENODEV) {
			params := p.whole(name)
			if params == nil {
				params = []modparam.Param{}
			}
			_, err = c.Create(ctx, control.CreateRequest{Name: name, Parameters: params})
		}
		if err != nil {
			return s.refused(err, p)
		}
		return 0
	}
	if f.has("first-time") {
		return s.complain("modprobe: ERROR: could not insert '%s': Module already in kernel", p.name)
	}
	if f.has("verbose") {
		s.complain("modprobe: bonding is loaded already, or there is a bond, which means the same: nothing is made and no parameter changes (`modprobe -r bonding` removes all bonds)")
	}
	return 0
}

// dryRun judges the parameters, and does nothing.
func (s *Shell) dryRun(req control.ModuleRequest, p *parameters, verbose bool, insmod string) int {
	lists := [][]modparam.Param{req.Parameters}
	for _, bond := range p.conf.Aliases() {
		if own, ok := req.Of[bond]; ok {
			lists = append(lists, own)
		}
	}
	for _, params := range lists {
		if _, err := modparam.Check(params); err != nil {
			var no *modparam.Error
			if errors.As(err, &no) {
				err = &control.Error{Message: no.Error(), Errno: no.Errno, Log: []string{no.Reason()}}
			}
			return s.refused(err, p)
		}
	}
	if verbose {
		fmt.Fprintln(s.Stdout, insmod)
	}
	return 0
}

// remove is modprobe -r of it; ours is false if it is the kernel's module that
// is loaded.
func (s *Shell) remove(ctx context.Context, f *flags, before int) (ours bool, status int) {
	verbose := func() {
		if f.has("verbose") {
			fmt.Fprintln(s.Stdout, "rmmod bonding")
		}
	}
	if f.has("dry-run") || f.has("show") {
		verbose()
		return true, before
	}
	switch err := s.unload(ctx); {
	case errors.Is(err, unix.ENOENT) && s.Kernel().Loaded:
		return false, before
	case errors.Is(err, unix.ENOENT) && f.has("first-time"):
		return true, s.complain("modprobe: FATAL: Module bonding is not in kernel.")
	case errors.Is(err, unix.ENOENT):
		return true, before
	case err != nil:
		return true, s.complain("modprobe: ERROR: could not remove 'bonding': %s", why(err))
	}
	verbose()
	return true, before
}

var _ Client = (*control.Client)(nil)
