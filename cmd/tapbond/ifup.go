package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	asked      bool // by the user, not the usual place
	dryRun     bool
	missing    bool
}

func (s *scripts) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.from, "from", "", "folder of the ifcfg files (default "+scriptDirs[0]+"), or a file like "+debianFile)
	cmd.Flags().StringVar(&s.root, "root", "", "folder that stands for /: etc/sysconfig, etc/modprobe.d")
	cmd.Flags().BoolVarP(&s.dryRun, "dry-run", "n", false, "only print what would be done, to be pasted into a shell")
}

func (s *scripts) missingFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.missing, "without-missing", false, "go on without slaves whose NIC isn't there")
}

// place completes the folders: the root is what stands in front of the usual
// path.
func (s *scripts) place() {
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

func upCmd() *cobra.Command {
	var s scripts
	cmd := &cobra.Command{
		Use:   "up [--from DIR] [BOND...]",
		Short: "bring up the bonds of RHEL's ifcfg files: all with ONBOOT=yes, or those named",
		Long: `Bring up bonds as the files of /etc/sysconfig/network-scripts (or --from) ask
for: ifcfg-bond0 and, for each slave, a file with MASTER=bond0 and SLAVE=yes.
Options are those of BONDING_OPTS, and of the lines for bonding in modprobe.conf
and modprobe.d. Values are data: nothing in a file is executed. From a file like
Debian's /etc/network/interfaces, bonds are those with bond-slaves, bond-master
and other bond- lines.

If anything in the files can't be followed, every mistake is listed with its file
and line, and nothing is done. If something fails on the way, what was done is
undone. What is there already is kept.`,
		Example: `  tapbond up --from /etc/sysconfig/network-scripts --dry-run
  tapbond up bond0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, "up", "all is as the files have it", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				if len(args) == 0 {
					return set.UpAll(w, s.rules())
				}
				for _, name := range args {
					if set.Bond(name) == nil && !set.Stray(name) {
						return nil, fmt.Errorf("%s: no file in %s makes such a bond", name, s.from)
					}
				}
				return set.Up(args, w, s.rules())
			})
		},
	}
	s.flags(cmd)
	s.missingFlag(cmd)
	return cmd
}

func ifupCmd() *cobra.Command {
	var s scripts
	cmd := &cobra.Command{
		Use:   "ifup BOND|SLAVE [boot]",
		Short: "RHEL's ifup for bonds: bring up a bond of the ifcfg files, or one slave",
		Long: `Bring up a bond with its slaves and addresses as its ifcfg files have it, or make
one slave of a bond its slave. With "boot" only if the file has ONBOOT=yes. For
any other interface the system's own ifup is run, if there is one.

    ln -s $(which tapbond) /usr/local/sbin/ifup`,
		Example: "  tapbond ifup bond0",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, boot, err := ifupName(args)
			if err != nil {
				return err
			}
			s.missing = s.missing || boot // one NIC is better than none
			return s.run(cmd, name, "is as the files have it", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				switch {
				case set.Bond(name) != nil:
					if boot && !set.Bond(name).OnBoot {
						return &ifcfg.Plan{}, nil
					}
					return set.Up([]string{name}, w, s.rules())
				case set.Slave(name) != nil:
					if boot && !set.Slave(name).OnBoot {
						return &ifcfg.Plan{}, nil
					}
					return set.UpSlave(name, w, s.rules())
				case set.Stray(name):
					return set.Up([]string{name}, w, s.rules())
				}
				return nil, s.handOver("ifup", name, set)
			})
		},
	}
	s.flags(cmd)
	s.missingFlag(cmd)
	return cmd
}

func ifdownCmd() *cobra.Command {
	var s scripts
	cmd := &cobra.Command{
		Use:   "ifdown BOND|SLAVE [boot]",
		Short: "RHEL's ifdown for bonds: release a bond's slaves and remove it, or release one slave",
		Long: `Remove a bond: its slaves are left as they were found, but down. Or take one slave
out of its bond. For any other interface the system's own ifdown is run, if there
is one.`,
		Example: "  tapbond ifdown bond0",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, _, err := ifupName(args)
			if err != nil {
				return err
			}
			return s.run(cmd, name, "is down already", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				switch {
				case w.HasBond(name):
					return set.Down(name, w), nil
				case w.HasSlave(name) || set.Slave(name) != nil:
					return set.DownSlave(name, w), nil
				case set.Bond(name) != nil || set.Stray(name):
					return &ifcfg.Plan{}, nil
				}
				return nil, s.handOver("ifdown", name, set)
			})
		},
	}
	s.flags(cmd)
	return cmd
}

// ifupName is the interface meant: also "ifcfg-bond0", as the scripts take it.
func ifupName(args []string) (name string, boot bool, err error) {
	if len(args) == 2 && args[1] == "boot" {
		args, boot = args[:1], true
	}
	if len(args) != 1 || args[0] == "" {
		return "", false, errors.New("one interface is brought up or down at a time: ifup BOND|SLAVE")
	}
	return strings.TrimPrefix(filepath.Base(args[0]), "ifcfg-"), boot, nil
}

func (s *scripts) rules() ifcfg.Rules { return ifcfg.Rules{MissingNIC: s.missing} }

// handOver lets the system's own ifup do what isn't ours. It returns only if it
// can't.
func (s *scripts) handOver(tool, name string, set *ifcfg.Set) error {
	path := ifup.FindReal(tool)
	if path == "" {
		if file := set.Other(name); file != "" {
			return fmt.Errorf("%s: %s makes neither a bond nor a slave, and there is no other %s here", name, file, tool)
		}
		return fmt.Errorf("%s: no file in %s makes such a bond or slave, and there is no other %s here", name, s.from, tool)
	}
	if s.dryRun {
		fmt.Println(path, name)
		return errSaid
	}
	return ifup.HandOver(path, []string{name})
}

// foreign reports words that are no business of ours: those of another ifup,
// like Debian's -a.
func foreign(args []string) bool {
	ours := []string{"--from", "--root", "--dry-run", "-n", "--without-missing", "-h", "--help"}
	for _, a := range args {
		word, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(a, "-") && !slices.Contains(ours, word) {
			return true
		}
	}
	return false
}

// run makes the plan, says what is to be said, and carries it out. nothing is
// what to say where there is nothing to do.
func (s *scripts) run(cmd *cobra.Command, what, nothing string, plan func(*ifcfg.Set, *ifcfg.World) (*ifcfg.Plan, error)) error {
	if !s.dryRun {
		if err := privileged(); err != nil {
			return err
		}
	}
	s.place()
	ctx := cmd.Context()
	client, err := daemon.Connect(ctx)
	if err != nil {
		return err
	}
	set, modErr, err := s.read(ctx, client)
	if err != nil {
		return err
	}
	w, err := ifup.Look(ctx, client)
	if err != nil {
		return err
	}
	p, err := plan(set, w)
	var wrong ifcfg.Mistakes
	switch {
	case errors.As(err, &wrong), err == nil && modErr != nil:
		if modErr != nil {
			wrong = append(wrong, *modErr)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\ntapbond: %s: nothing is done\n", wrong.Error(), what)
		return errSaid
	case err != nil:
		return err
	}
	for _, n := range p.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "note:", n)
	}
	if s.dryRun {
		for _, step := range p.Steps {
			fmt.Fprintln(cmd.OutOrStdout(), step)
		}
		return nil
	}
	if len(p.Steps) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: nothing to do: %s\n", what, nothing)
		return nil
	}
	for _, step := range p.Steps {
		if step.Op == ifcfg.StartDHCP {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: will be asking for an address by DHCP (%s)\n", step.Bond, filepath.Base(step.Command[0]))
		}
	}
	m := &ifup.Machine{Client: client, Start: daemon.Start}
	return ifup.Apply(ctx, m, p.Steps, func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "note:", text) })
}

// loaded is modprobe's configuration where the module is loaded already: a new
// bond begins with the parameters it was loaded with.
type loaded struct {
	*modconf.Config
	params []modparam.Param
}

func (l loaded) Options(string) []modconf.Option {
	var out []modconf.Option
	for _, p := range l.params {
		out = append(out, modconf.Option{Name: p.Name, Value: p.Value, File: "module bonding as it is loaded"})
	}
	return out
}

// read reads the files, and modprobe's configuration beside them. A line in the
// latter that can't be understood is a mistake among the others.
func (s *scripts) read(ctx context.Context, client *control.Client) (set *ifcfg.Set, wrong *ifcfg.Remark, err error) {
	mod, err := modconf.Read(s.root)
	var line *modconf.Error
	switch {
	case errors.As(err, &line):
		wrong = &ifcfg.Remark{Pos: ifcfg.Pos{File: line.File, Line: line.Line}, Text: line.Text}
		mod = new(modconf.Config)
	case err != nil:
		return nil, nil, err
	}
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

// runIfup is the program called ifup or ifdown.
func runIfup(ctx context.Context, name string, args []string) error {
	if foreign(args) {
		if path := ifup.FindReal(name); path != "" {
			return ifup.HandOver(path, args)
		}
	}
	root := rootCmd()
	root.SetArgs(append([]string{name}, args...))
	return root.ExecuteContext(ctx)
}
