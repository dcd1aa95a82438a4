package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/kernel/installed"
)

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
and line, and nothing is done. Lines that can't have an effect, like an option of
another mode, are warnings; with --strict they are mistakes. If something fails on the
way, what was done is undone. What is there already is kept; what can be changed on a
running bond is, and what can't is said (tapbond reload makes it so). Of several that
bring bonds up or down at the same time, one waits for the other.`,
		Example: `  tapbond up --from /etc/sysconfig/network-scripts --dry-run
  tapbond up bond0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, "up", "all is as the files have it", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				if err := s.known(set, args); err != nil {
					return nil, err
				}
				if len(args) == 0 {
					return set.UpAll(w, s.rules())
				}
				return set.Up(args, w, s.rules())
			})
		},
	}
	s.allFlags(cmd)
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
			ours := func(o *outlook) bool { return has(o.set, name) }
			if handed, err := s.handOver(cmd.Context(), "ifup", name, args, ours); handed || err != nil {
				return err
			}
			return s.run(cmd, name, "is as the files have it", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				b, v := set.Bond(name), set.Slave(name)
				switch {
				case boot && (b != nil && !b.OnBoot || b == nil && v != nil && !v.OnBoot):
					return &ifcfg.Plan{}, nil
				case b == nil && v != nil:
					return set.UpSlave(name, w, s.rules())
				}
				return set.Up([]string{name}, w, s.rules())
			})
		},
	}
	s.allFlags(cmd)
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
			ours := func(o *outlook) bool { return o.world.HasBond(name) || o.world.HasSlave(name) || has(o.set, name) }
			if handed, err := s.handOver(cmd.Context(), "ifdown", name, args, ours); handed || err != nil {
				return err
			}
			return s.run(cmd, name, "is down already", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				switch {
				case w.HasBond(name):
					return set.Down([]string{name}, w), nil
				case w.HasSlave(name) || set.Slave(name) != nil:
					return set.DownSlave(name, w), nil
				}
				return &ifcfg.Plan{}, nil
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
		return "", false, fmt.Errorf("one interface is brought up or down at a time, not %q; for example: tapbond ifup bond0, tapbond ifdown bond0", strings.Join(args, " "))
	}
	return strings.TrimPrefix(filepath.Base(args[0]), "ifcfg-"), boot, nil
}

// has reports whether files make a bond or a slave of that name, or would with
// fewer mistakes.
func has(set *ifcfg.Set, name string) bool {
	return set.Bond(name) != nil || set.Slave(name) != nil || set.Stray(name)
}

// handOver lets the system's own ifup do what isn't ours, with all that was said:
// "boot" keeps it, too, from what has ONBOOT=no. It returns false if it is ours,
// and true only of a dry run. It waits for nobody's turn: the other ifup has its
// own way to, and may call us again.
func (s *scripts) handOver(ctx context.Context, tool, name string, args []string, ours func(*outlook) bool) (bool, error) {
	if err := s.allowed(); err != nil {
		return false, err
	}
	o, err := s.look(ctx)
	if err != nil || ours(o) {
		return false, err
	}
	path, err := installed.Find(tool)
	if err != nil {
		if file := o.set.Other(name); file != "" {
			return false, fmt.Errorf("%s: %s makes neither a bond nor a slave, and there is no other %s here", name, file, tool)
		}
		return false, fmt.Errorf("%s: no file in %s makes such a bond or slave, and there is no other %s here", name, s.from, tool)
	}
	if s.dryRun {
		fmt.Println(path, strings.Join(args, " "))
		return true, nil
	}
	return false, become(path, args)
}

// foreign reports words that are no business of ours: those of another ifup,
// like Debian's -a.
func foreign(cmd *cobra.Command, args []string) bool {
	cmd.InitDefaultHelpFlag()
	var unknown *pflag.NotExistError
	return errors.As(cmd.ParseFlags(args), &unknown)
}

// runIfup is the program called ifup or ifdown.
func runIfup(ctx context.Context, name string, args []string) error {
	cmd, _, err := rootCmd().Find([]string{name})
	if err != nil {
		return err
	}
	if foreign(cmd, args) {
		if path, err := installed.Find(name); err == nil {
			return become(path, args)
		}
	}
	return execute(ctx, append([]string{name}, args...)) // with flags that nobody has set
}
