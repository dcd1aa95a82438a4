package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

func linksCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "links DIR",
		Short: "make links in DIR under which the program stands in for ip, ifenslave, modprobe, rmmod, ifup and others",
		Long: `Make links in DIR, a folder that is then put in front of PATH: scripts and habits
made for the kernel's bonding work as they are. What is not about bonds goes on to
the installed commands.

    tapbond links /usr/local/lib/tapbond
    PATH=/usr/local/lib/tapbond:$PATH

Links that are there are made anew; a file that is no link is left alone, and
refused. To undo it, remove the folder.`,
		Example: "  tapbond links /usr/local/lib/tapbond",
		Args:    words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(standIns())) {
				path := filepath.Join(args[0], name)
				if err := relink(self, path); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
}

// relink makes a link to the program, in place of one that is there.
func relink(self, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink == 0:
		return fmt.Errorf("%s: %w, and it is no link", path, fs.ErrExist)
	default:
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.Symlink(self, path)
}
