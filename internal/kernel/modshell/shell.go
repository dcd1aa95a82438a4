package modshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modconf"
	"github.com/tapbond/tapbond/internal/modparam"
)

// Client is what a shell asks of the daemon.
type Client interface {
	LoadModule(ctx context.Context, req control.ModuleRequest) (control.ModuleAnswer, error)
	UnloadModule(ctx context.Context) error
	Bond(ctx context.Context, name string) (bond.State, error)
	Create(ctx context.Context, req control.CreateRequest) (string, error)
	Module(ctx context.Context) (bond.ModuleState, error)
}

// Shell runs modprobe, insmod, rmmod and lsmod. All fields but Root must be set.
type Shell struct {
	Stdout, Stderr io.Writer
	// Root is where modprobe's configuration is looked for, "" for /.
	Root string
	// Connect returns a client of the daemon; whether one serves shows at the
	// first request.
	Connect func(ctx context.Context) (Client, error)
	// Start starts a daemon.
	Start func(ctx context.Context) error
	// Real runs an installed command and returns its status, or becomes it.
	Real func(name string, args []string) int
	// Output runs an installed command without arguments and returns what it prints.
	Output func(name string) (string, error)
	// Kernel tells of the kernel's own bonding module.
	Kernel func() KernelModule
}

// KernelModule is what there is of the kernel's own bonding module.
type KernelModule struct {
	Loaded bool
	Bonds  []string // in this network namespace
}

// LookAtKernel asks the kernel for its own bonding module.
func LookAtKernel() KernelModule {
	var k KernelModule
	_, err := os.Stat("/sys/module/bonding")
	entries, _ := os.ReadDir("/proc/thread-self/net/bonding") // only the module makes it
	for _, e := range entries {
		k.Bonds = append(k.Bonds, e.Name())
	}
	k.Loaded = err == nil || entries != nil
	return k
}

// Tools are the names it goes by.
var Tools = []string{"modprobe", "insmod", "rmmod", "lsmod"}

// Run carries out one command line of one of Tools, without its first word, and
// returns the status to exit with.
func (s *Shell) Run(ctx context.Context, tool string, args []string) int {
	switch tool {
	case "insmod":
		return s.insmod(ctx, args)
	case "rmmod":
		return s.rmmod(ctx, args)
	case "lsmod":
		return s.lsmod(ctx, args)
	}
	return s.modprobe(ctx, args)
}

func (s *Shell) complain(format string, args ...any) int {
	fmt.Fprintf(s.Stderr, format+"\n", args...)
	return 1
}

// insert loads the module, in a daemon that is started if none serves. EEXIST
// if it is loaded.
func (s *Shell) insert(ctx context.Context, req control.ModuleRequest) (Client, control.ModuleAnswer, error) {
	c, err := s.Connect(ctx)
	if err != nil {
		return nil, control.ModuleAnswer{}, err
	}
	got, err := c.LoadModule(ctx, req)
	for tries := 0; errors.Is(err, control.ErrNoServer) && tries < 3; tries++ { // one that serves may be ending
		if os.Geteuid() != 0 {
			return nil, got, unix.EPERM
		}
		if err := s.Start(ctx); err != nil {
			return nil, got, err
		}
		got, err = c.LoadModule(ctx, req)
	}
	return c, got, err
}

// why is the C library's text of what a command was refused for.
func why(err error) string {
	var no *control.Error
	switch {
	case errors.As(err, &no) && no.Errno != 0:
		return option.Strerror(no.Errno)
	case errors.Is(err, os.ErrPermission):
		return option.Strerror(unix.EPERM)
	}
	return err.Error()
}

// reason prints the line that the driver's log has about a refusal.
func (s *Shell) reason(err error, p *parameters) {
	var no *control.Error
	if !errors.As(err, &no) {
		return
	}
	line := ""
	if len(no.Log) > 0 {
		line = no.Log[len(no.Log)-1]
	} else if no.Errno != unix.EEXIST {
		line = no.Message
	}
	if line == "" {
		return
	}
	if at := p.source(line); at != "" {
		line += " (" + at + ")"
	}
	s.complain("bonding: %s", strings.TrimPrefix(line, "bonding: "))
}

// say prints what the driver logs about parameters: the warnings, or all.
func (s *Shell) say(lines []control.LogLine, all bool) {
	for _, l := range lines {
		if all || l.Level >= slog.LevelWarn {
			s.complain("bonding: %s", strings.TrimPrefix(l.Text, "bonding: "))
		}
	}
}

// kernels says what there is to say about the kernel's own module, and whether
// it is in the way: then a new bond0 would not be the one that other commands
// mean.
func (s *Shell) kernels(tool string) (ok bool) {
	k := s.Kernel()
	switch {
	case len(k.Bonds) > 0:
		s.complain("%s: ERROR: could not insert 'bonding': the kernel's own module is loaded and has %s here; go on with the system's commands, or unload it first: /sbin/rmmod bonding", tool, strings.Join(k.Bonds, ", "))
		return false
	case k.Loaded:
		s.complain("%s: the kernel's own bonding module is loaded too; bonds made from here are tapbond's (/sbin/rmmod bonding unloads the other)", tool)
	}
	return true
}

// moduleFile is the name of the module in a file's path.
func moduleFile(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func (s *Shell) insmod(ctx context.Context, args []string) int {
	f, err := insmodGrammar.parse(args)
	// Parameters of the module may look like anything; flags come first.
	if err != nil || len(f.rest) == 0 || f.has("help") || f.has("version") || moduleFile(f.rest[0]) != modconf.Module {
		return s.Real("insmod", args)
	}
	if !s.kernels("insmod") {
		return 1
	}
	var params []modparam.Param
	for _, w := range f.rest[1:] {
		params = append(params, modparam.ParseWord(w))
	}
	_, got, err := s.insert(ctx, control.ModuleRequest{Parameters: params})
	if err != nil {
		text := why(err)
		if errors.Is(err, unix.EINVAL) {
			text = "Invalid parameters"
		}
		s.complain("insmod: ERROR: could not insert module %s: %s", f.rest[0], text)
		s.reason(err, nil)
		return 1
	}
	s.say(got.Log, f.has("verbose"))
	return 0
}

func (s *Shell) rmmod(ctx context.Context, args []string) int {
	f, err := rmmodGrammar.parse(args)
	if err != nil || len(f.rest) == 0 || f.has("help") || f.has("version") {
		return s.Real("rmmod", args)
	}
	status, others := 0, []string(nil)
	for _, name := range f.rest {
		if moduleFile(name) != modconf.Module {
			others = append(others, name)
			continue
		}
		switch err := s.unload(ctx); {
		case errors.Is(err, unix.ENOENT) && s.Kernel().Loaded:
			others = append(others, name) // it is the kernel's that is meant
		case errors.Is(err, unix.ENOENT):
			status = s.complain("rmmod: ERROR: Module bonding is not currently loaded")
		case err != nil:
			status = s.complain("rmmod: ERROR: could not remove module bonding: %s", why(err))
		}
	}
	if len(others) > 0 {
		status = max(status, s.Real("rmmod", append(f.kept, others...)))
	}
	return status
}

// unload unloads the module: ENOENT if it isn't loaded. A daemon that is killed
// meanwhile is followed by another, which goes on.
func (s *Shell) unload(ctx context.Context) error {
	for range 3 {
		c, err := s.Connect(ctx)
		if err != nil {
			return err
		}
		if err = c.UnloadModule(ctx); !errors.Is(err, control.ErrNoServer) {
			return err
		}
	}
	return unix.ENOENT
}
