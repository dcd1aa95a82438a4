package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/ifup"
	"github.com/tapbond/tapbond/internal/ifupdown"
	"github.com/tapbond/tapbond/internal/modconf"
	"github.com/tapbond/tapbond/internal/modparam"
)

// debianFile is where Debian keeps its interfaces.
const debianFile = "/etc/network/interfaces"

// scriptDirs are where RHEL and SUSE keep their interface files.
var scriptDirs = []string{"/etc/sysconfig/network-scripts", "/etc/sysconfig/network"}

// scripts is where the files are and what is to be made of them.
type scripts struct {
	from, root string
	placed     bool
	asked      bool // by the user, not the usual place
	dryRun     bool
	missing    bool
	strict     bool
	verbose    bool
}

func (s *scripts) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.from, "from", "", "folder of the ifcfg files (default "+scriptDirs[0]+"), or a file like "+debianFile)
	cmd.Flags().StringVar(&s.root, "root", "", "folder that stands for /: etc/sysconfig, etc/modprobe.d")
	cmd.Flags().BoolVarP(&s.dryRun, "dry-run", "n", false, "only print what would be done, to be pasted into a shell")
}

// allFlags are also those of the way up.
func (s *scripts) allFlags(cmd *cobra.Command) {
	s.flags(cmd)
	cmd.Flags().BoolVar(&s.missing, "without-missing", false, "go on without slaves whose NIC isn't there")
	cmd.Flags().BoolVar(&s.strict, "strict", false, "take warnings for mistakes: nothing is done")
	cmd.Flags().BoolVar(&s.verbose, "verbose", false, "name every line without effect, as --dry-run does")
}

// place completes the folders: the root is what stands in front of the usual
// path.
func (s *scripts) place() {
	if s.placed {
		return
	}
	s.placed = true
	s.asked = s.from != "" || s.root != ""
	if s.from == "" {
		s.from = filepath.Join(s.root, scriptDirs[0])
		if _, err := os.Stat(s.from); err != nil {
			if other := filepath.Join(s.root, scriptDirs[1]); isDir(other) {
				s.from = other
			}
		}
	}
	if s.root != "" {
		return
	}
	if abs, err := filepath.Abs(s.from); err == nil {
		for _, usual := range append(scriptDirs, debianFile) {
			if root, ok := strings.CutSuffix(abs, usual); ok {
				s.root = root
			}
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// nowhere: the machine has no interface files in the usual place.
func (s *scripts) nowhere() bool {
	_, err := os.Stat(s.from)
	return !s.asked && errors.Is(err, fs.ErrNotExist)
}

func (s *scripts) rules() ifcfg.Rules { return ifcfg.Rules{MissingNIC: s.missing, Strict: s.strict} }

// outlook is what the files ask for and what there is.
type outlook struct {
	client *control.Client
	set    *ifcfg.Set
	world  *ifcfg.World
	wrong  *ifcfg.Remark // a line of modprobe's files that can't be understood
}

func (s *scripts) look(ctx context.Context) (*outlook, error) {
	s.place()
	client, err := daemon.Connect(ctx)
	if err != nil {
		return nil, err
	}
	client.Configured = true
	o := &outlook{client: client}
	if o.set, o.wrong, err = s.read(ctx, client); err != nil {
		return nil, err
	}
	o.world, err = ifup.Look(ctx, client)
	return o, err
}

// allowed: a dry run is everybody's.
func (s *scripts) allowed() error {
	if s.dryRun {
		return nil
	}
	return privileged()
}

// run makes the plan, says what is to be said, and carries it out. nothing is
// what to say where there is nothing to do. Nobody else is at it meanwhile.
func (s *scripts) run(cmd *cobra.Command, what, nothing string, plan func(*ifcfg.Set, *ifcfg.World) (*ifcfg.Plan, error)) error {
	if err := s.allowed(); err != nil {
		return err
	}
	ctx := cmd.Context()
	if !s.dryRun {
		done, err := ifup.Turn(ctx, func(who string) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: waiting until %s is done\n", what, who)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		defer done()
	}
	o, err := s.look(ctx)
	if err != nil {
		return err
	}
	p, err := plan(o.set, o.world)
	var wrong ifcfg.Mistakes
	switch {
	case err != nil && s.nowhere():
		return fmt.Errorf("%s: there is no %s; name the files: tapbond %s --from %s", what, s.from, what, debianFile)
	case errors.As(err, &wrong), err == nil && o.wrong != nil:
		if o.wrong != nil {
			wrong = append(wrong, *o.wrong)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\ntapbond: %s: nothing is done\n", wrong.Error(), what)
		return errSaid
	case err != nil:
		return err
	}
	s.notes(cmd, p)
	if s.dryRun {
		for _, step := range p.Steps {
			fmt.Fprintln(cmd.OutOrStdout(), step)
		}
		return nil
	}
	if len(p.Steps) == 0 {
		return unchanged(cmd, what, nothing, p)
	}
	for _, step := range p.Steps {
		if step.Op == ifcfg.StartDHCP {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: will be asking for an address by DHCP (%s)\n", step.Bond, filepath.Base(step.Command[0]))
		}
	}
	m := &ifup.Machine{Client: o.client, Start: daemon.Start}
	err = ifup.Apply(ctx, m, p.Steps, func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "note:", text) })
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), done(p.Steps))
	return stuck(p)
}

// notes prints what there is to say about the files. Lines without effect that nobody
// has to act on are said only to those who look.
func (s *scripts) notes(cmd *cobra.Command, p *ifcfg.Plan) {
	for _, n := range p.Notes {
		least := ifcfg.Note
		if s.dryRun || s.verbose {
			least = ifcfg.Minor
		} else if len(p.Steps) == 0 {
			least = ifcfg.Warning
		}
		if n.Level >= least {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", n.Label(), n)
		}
	}
}

// unchanged says that there is nothing to do.
func unchanged(cmd *cobra.Command, what, nothing string, p *ifcfg.Plan) error {
	if err := stuck(p); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: nothing to do: %s\n", what, nothing)
	return nil
}

// stuck is the end of a command that left something as it was, and has said so.
func stuck(p *ifcfg.Plan) error {
	if p.Stuck {
		return errSaid
	}
	return nil
}

// loaded is modprobe's configuration where the module is loaded already: a new
// bond begins with the parameters it was loaded with, and has what the files say for
// it alone. Files that were changed since count more: they are what is meant now.
type loaded struct {
	*modconf.Config
	params []modparam.Param
}

func (l loaded) Options(bond string) []modconf.Option {
	var out []modconf.Option
	for _, p := range l.params {
		out = append(out, modconf.Option{Name: p.Name, Value: p.Value, File: "module bonding as it is loaded"})
	}
	module, own := l.Config.Options(""), l.Config.Options(bond)
	for i, o := range module {
		if i >= len(l.params) || l.params[i].Name != o.Name || l.params[i].Value != o.Value {
			return append(out, own...)
		}
	}
	return append(out, own[len(module):]...)
}

// read reads the files, and modprobe's configuration beside them. A line in the
// latter that can't be understood is a mistake among the others.
func (s *scripts) read(ctx context.Context, client *control.Client) (set *ifcfg.Set, wrong *ifcfg.Remark, err error) {
	mod, err := modconf.ReadOld(s.root)
	var line *modconf.Error
	switch {
	case errors.As(err, &line):
		wrong = &ifcfg.Remark{Pos: ifcfg.Pos{File: line.File, Line: line.Line}, Text: line.Text}
		mod = new(modconf.Config)
	case err != nil:
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			return
		}
		for _, n := range mod.Notes() {
			set.Note(ifcfg.Pos{File: n.File, Line: n.Line}, n.Text)
		}
	}()
	modules := ifcfg.Modules(mod)
	switch st, err := client.Module(ctx); {
	case err == nil && st.Parameters != nil:
		modules = loaded{mod, st.Parameters}
	case err != nil && !errors.Is(err, control.ErrNoServer):
		return nil, nil, err
	}
	if info, err := os.Stat(s.from); err == nil && !info.IsDir() {
		set, err = ifupdown.Read(s.from, s.root, modules)
		return set, wrong, err
	}
	// Where this is a folder, or isn't there, nothing is in it for us.
	global, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Clean(s.from)), "network"))
	set, err = ifcfg.Read(os.DirFS(s.from), s.from, global, modules)
	if errors.Is(err, fs.ErrNotExist) && !s.asked && !isDir(s.from) { // a machine of another kind
		set, err = ifcfg.Read(new(embed.FS), s.from, nil, modules)
	}
	return set, wrong, err
}
