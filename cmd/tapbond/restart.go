package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

func downCmd() *cobra.Command {
	var s scripts
	cmd := &cobra.Command{
		Use:   "down [--from DIR] [BOND...]",
		Short: "remove the bonds of the interface files that are running, or those named",
		Long: `The counterpart of up, as "service network stop": bonds that have a place in the
files are removed; their slaves are left as they were found, but down. Bonds that were
made by other means stay, unless they are named.`,
		Example: `  tapbond down
  tapbond down --from /etc/network/interfaces bond0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, "down", "no bond of the files is running", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				for _, name := range args {
					if !w.HasBond(name) && set.Bond(name) == nil {
						return nil, fmt.Errorf("%s: no such bond is running, and no file in %s makes one", name, s.from)
					}
				}
				if len(args) == 0 {
					args = set.Running(w)
				}
				return set.Down(args, w), nil
			})
		},
	}
	s.flags(cmd)
	return cmd
}

func restartCmd() *cobra.Command {
	var s scripts
	cmd := &cobra.Command{
		Use:   "restart [--from DIR] [BOND...]",
		Short: "remove the bonds of the interface files and bring them up anew, or those named",
		Long: `As "service network restart": down, then up. The files are read and judged first:
with a mistake in them nothing is removed. If a bond can't be brought up, the one
that was removed for it is there again. Connections over the bonds are interrupted;
reload interrupts only where it must.`,
		Example: `  tapbond restart
  tapbond restart bond0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, "restart", "all is as the files have it", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				if err := s.known(set, args); err != nil {
					return nil, err
				}
				return set.Restart(args, w, s.rules())
			})
		},
	}
	s.allFlags(cmd)
	return cmd
}

func reloadCmd() *cobra.Command {
	var s scripts
	cmd := &cobra.Command{
		Use:   "reload [--from DIR] [BOND...]",
		Short: "make running bonds what the interface files say now, with as little interruption as possible",
		Long: `Like up, and more: a bond that needs what can't be changed while it runs, like
another mode, is removed and made anew; slaves and addresses that the files don't have
any more are taken from it. A bond that is as its files have it isn't touched.`,
		Example: `  tapbond reload
  tapbond reload --dry-run bond0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, "reload", "all is as the files have it", func(set *ifcfg.Set, w *ifcfg.World) (*ifcfg.Plan, error) {
				if err := s.known(set, args); err != nil {
					return nil, err
				}
				return set.Reload(args, w, s.rules())
			})
		},
	}
	s.allFlags(cmd)
	return cmd
}

// known refuses names of bonds that no file makes.
func (s *scripts) known(set *ifcfg.Set, names []string) error {
	for _, name := range names {
		if set.Bond(name) == nil && !set.Stray(name) {
			return fmt.Errorf("%s: no file in %s makes such a bond", name, s.from)
		}
	}
	return nil
}

// done is the one line that says what steps came to.
func done(steps []ifcfg.Step) string {
	var order []string
	what := map[string]string{}
	slaves := map[string][]string{}
	for _, s := range steps {
		name, verb := s.Bond, "is as the files have it"
		switch s.Op {
		case ifcfg.Create:
			if verb = "is up"; what[name] != "" {
				verb = "is made anew"
			}
		case ifcfg.Delete:
			verb = "is removed"
		case ifcfg.Enslave:
			slaves[name] = append(slaves[name], s.Link)
			verb = what[name]
			if verb == "" {
				verb = "is up"
			}
		case ifcfg.Release:
			verb = "lets " + s.Link + " go"
			if what[name] != "" {
				continue
			}
		default:
			if name == "" || what[name] != "" {
				continue
			}
		}
		if what[name] == "" {
			order = append(order, name)
		}
		what[name] = verb
	}
	var out []string
	for _, name := range order {
		text := name + " " + what[name]
		if len(slaves[name]) > 0 && what[name] != "is removed" {
			text += " with " + strings.Join(slaves[name], ", ")
		}
		out = append(out, text)
	}
	if out == nil {
		return "done"
	}
	return strings.Join(out, "; ")
}
