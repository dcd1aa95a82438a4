package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/kernel/sysfs"
)

func fileCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "file LINK [NAME]",
		Short: "print what /sys/class/net/BOND/bonding/NAME or /sys/class/net/SLAVE/bonding_slave/NAME would read; without NAME, all of them",
		Example: `  tapbond file bond0 active_slave
  tapbond file eth0`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := daemon.Connect(cmd.Context())
			if err != nil {
				return err
			}
			f, err := filesOf(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				text, err := f.read(args[1])
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			}
			for _, name := range f.names {
				text, err := f.read(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", name, strings.TrimSuffix(text, "\n"))
			}
			return nil
		},
	}
}

// files are those of a link.
type files struct {
	names []string
	read  func(name string) (string, error)
}

// filesOf returns the files of a bond or, if the link is one, of a slave.
func filesOf(ctx context.Context, c *control.Client, link string) (files, error) {
	bonds, err := c.Bonds(ctx)
	if err != nil {
		return files{}, err
	}
	for i := range bonds {
		for j := range bonds[i].Slaves {
			if s := &bonds[i].Slaves[j]; s.Name == link {
				return files{sysfs.SlaveFiles(), func(name string) (string, error) {
					if text, ok := sysfs.ReadSlave(s, name); ok {
						return text, nil
					}
					return "", fmt.Errorf("%s: bonding_slave/%s: %w", link, name, unix.ENOENT)
				}}, nil
			}
		}
	}
	f := files{read: func(name string) (string, error) { return c.ReadFile(ctx, link, name) }}
	for _, o := range option.Files() {
		f.names = append(f.names, o.Name)
	}
	return f, nil
}
