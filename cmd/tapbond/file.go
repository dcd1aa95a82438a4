package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/kernel/sysfs"
)

func fileCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "file LINK [NAME]",
		Short: "print what /sys/class/net/BOND/bonding/NAME or /sys/class/net/SLAVE/bonding_slave/NAME would read; without NAME, all of them",
		Example: `  tapbond file bond0 active_slave
  tapbond file eth0`,
		Args: words(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := filesOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				text, err := f.read(args[1])
				if errors.Is(err, unix.ENOENT) {
					return fmt.Errorf("%w; %s has %s", err, args[0], strings.Join(f.names, ", "))
				}
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
func filesOf(ctx context.Context, link string) (files, error) {
	c, bonds, err := states(ctx, "")
	if err != nil {
		return files{}, err
	}
	is := false
	for i := range bonds {
		is = is || bonds[i].Name == link
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
	if !is {
		return files{}, fmt.Errorf("%s is neither a bond nor a slave; %s", link, members(bonds))
	}
	f := files{read: func(name string) (string, error) { return c.ReadFile(ctx, link, name) }}
	for _, o := range option.Files() {
		f.names = append(f.names, o.Name)
	}
	return f, nil
}
