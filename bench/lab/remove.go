package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// nsPrefix begins the names of all our namespaces: tblab.NAME.ROLE.
const nsPrefix = "tblab."

func nsName(lab, role string) string { return nsPrefix + lab + "." + role }

// List names the labs there are, whole or not.
func List() ([]string, error) {
	entries, err := os.ReadDir(nsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), nsPrefix)
		if !ok {
			continue
		}
		if name, _, ok := strings.Cut(rest, "."); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Remove takes the lab of that name down, whoever built it, and kills the
// processes inside. No such lab is no error; one that a living process owns is
// ErrInUse.
func Remove(ctx context.Context, name string) error {
	if !nameRE.MatchString(name) {
		return fmt.Errorf("lab name %q: want lower case letters, digits and dashes, at most 40", name)
	}
	paths, err := filepath.Glob(filepath.Join(nsDir, nsName(name, "*")))
	if err != nil || len(paths) == 0 {
		return err
	}
	if path := filepath.Join(nsDir, nsName(name, roleA)); slices.Contains(paths, path) {
		lock, err := lockNS(path)
		if err != nil {
			return fmt.Errorf("lab %s: %w", name, err)
		}
		defer lock.Close()
	}
	var errs []error
	for _, path := range paths {
		if err := removeNS(ctx, path); err != nil {
			errs = append(errs, fmt.Errorf("lab %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// RemoveAll removes every lab whose name begins with prefix, except those in
// use.
func RemoveAll(ctx context.Context, prefix string) error {
	names, err := List()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := Remove(ctx, name); err != nil && !errors.Is(err, ErrInUse) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeNS kills who is in the namespace and removes its name. The kernel
// takes the devices down once nobody holds it.
func removeNS(ctx context.Context, path string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return fmt.Errorf("statfs %s: %w", path, err)
	}
	if st.Type != unix.NSFS_MAGIC { // a build that was killed before its mount
		return os.Remove(path)
	}
	if err := killAll(ctx, path); err != nil {
		return err
	}
	if err := netns.DeleteNamed(filepath.Base(path)); err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// killAll kills the processes in a namespace and waits until they are gone, or
// are zombies that only their parents can take away.
func killAll(ctx context.Context, nsPath string) error {
	const patience = 5 * time.Second
	deadline := time.Now().Add(patience)
	for {
		pids, err := processesIn(nsPath)
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: processes %v still there %s after SIGKILL", nsPath, pids, patience)
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL) // gone already: fine
		}
		awaitExit(pids[0], 100*time.Millisecond)
	}
}

// awaitExit waits until the process ends, at most d.
func awaitExit(pid int, d time.Duration) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil { // gone
		return
	}
	defer unix.Close(fd)
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(d.Milliseconds()))
}
