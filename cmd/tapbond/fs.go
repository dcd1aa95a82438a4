package main

import (
	"context"
	"fmt"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/kernel/fuse"
	"github.com/tapbond/tapbond/internal/kernel/tree"
)

func fsCmd() *cobra.Command {
	var snapshot string
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "fs MOUNTPOINT | --snapshot DIR",
		Short: "show the bonding module's files in /proc and /sys under a folder",
		Long: `Mount at MOUNTPOINT what a kernel with the bonding module has in /proc and /sys,
for everybody to read and for root to write:

    proc/net/bonding/BOND
    sys/class/net/bonding_masters
    sys/class/net/BOND/bonding/*
    sys/class/net/SLAVE/bonding_slave/*

It runs until it is interrupted or MOUNTPOINT is unmounted. The bonds are the
daemon's; they don't notice whether this runs.

With --snapshot the same is written to DIR as plain files, which needs no FUSE.`,
		Example: `  tapbond fs /run/tapbond-fs
  echo +eth1 > /run/tapbond-fs/sys/class/net/bond0/bonding/slaves
  prometheus-node-exporter --path.sysfs=/run/tapbond-fs/sys`,
		Args: func(cmd *cobra.Command, args []string) error {
			if snapshot != "" {
				return words(0, 0)(cmd, args)
			}
			return words(1, 1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if every != 0 && (snapshot == "" || every < 0) {
				return fmt.Errorf("fs: --every %v: want a time of more than 0, beside --snapshot; for example: tapbond fs --snapshot /tmp/bonds --every 5s", every)
			}
			t, err := newTree()
			if err != nil {
				return err
			}
			if snapshot != "" {
				return snapshots(cmd.Context(), t, snapshot, every)
			}
			return mounted(cmd, t, args[0])
		},
	}
	cmd.Flags().StringVar(&snapshot, "snapshot", "", "write plain files to this folder instead")
	cmd.Flags().DurationVar(&every, "every", 0, "write the snapshot again and again, until interrupted")
	return cmd
}

func newTree() (*tree.Tree, error) {
	src, err := newFSSource()
	if err != nil {
		return nil, err
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	return tree.New(src, tree.ThisNamespace(), unix.ByteSliceToString(uts.Release[:])), nil
}

// mounted shows t at dir until the command is interrupted.
func mounted(cmd *cobra.Command, t *tree.Tree, dir string) error {
	m, err := fuse.New(dir, t)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "the bonding module's files are under %s; interrupt to unmount\n", dir)
	// What this process starts must not tell its service manager anything.
	_, _ = sdnotify.SdNotify(true, sdnotify.SdNotifyReady)
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	left := make(chan error, 1)
	go func() { left <- daemon.AwaitAbandoned(ctx) }()
	select {
	case <-m.Done():
		return nil // somebody unmounted it
	case err = <-left:
	}
	if closed := m.Close(); err == nil {
		err = closed
	}
	return err
}

// snapshots writes t to dir once, or every so often until the command is
// interrupted.
func snapshots(ctx context.Context, t *tree.Tree, dir string, every time.Duration) error {
	if every <= 0 {
		return t.Snapshot(ctx, dir)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := t.Snapshot(ctx, dir); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
