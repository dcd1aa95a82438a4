package tree

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forward is the real folder of a device, read and written through.
type forward struct {
	t      *Tree
	device string
	as     form
}

// real is where the kernel has a file of the device.
func (f *forward) real(rel string) string { return path.Join(f.t.host.netClass(), f.device, rel) }

// node is what the kernel has at rel in the device's folder, nil if nothing.
func (f *forward) node(id, rel string) *node {
	info, err := f.t.host.stat(f.real(rel))
	if err != nil {
		return nil
	}
	id += "/" + rel
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return f.link(id, rel)
	case mode.IsDir():
		names := func(*view) ([]string, error) { return f.t.host.names(f.real(rel)), nil }
		child := func(_ *view, name string) (*node, error) { return f.node(id, rel+"/"+name), nil }
		return dir(id, names, child)
	case mode.IsRegular():
		return f.file(id, rel, mode.Perm())
	}
	return nil
}

func (f *forward) file(id, rel string, perm fs.FileMode) *node {
	n := file(id, func(ctx context.Context, _ Reader) (string, error) {
		text, err := f.t.host.read(f.real(rel))
		if name, ok := strings.CutPrefix(rel, "statistics/"); ok && f.as.counters != nil && err == nil {
			return f.counted(ctx, name, text)
		}
		if change := f.as.text[rel]; change != nil && err == nil {
			text = change(text)
		}
		return text, err
	})
	n.Mode = perm
	if perm&0o444 == 0 {
		n.read = nil
	}
	if perm&0o222 != 0 {
		n.write = func(ctx context.Context, text string) error {
			if f.as.closed[rel] {
				return unix.EOPNOTSUPP
			}
			if err := f.t.host.write(f.real(rel), text); err != nil {
				return err
			}
			return f.t.src.Sync(ctx) // MTU, addresses, flags: bonds have followed
		}
	}
	return n
}

// counted is a file of the folder statistics, with what the kernel didn't count.
func (f *forward) counted(ctx context.Context, name, text string) (string, error) {
	more, err := f.as.counters(ctx)
	if err != nil {
		return "", err
	}
	return plus(strings.TrimSpace(text), more[name]) + "\n", nil
}

// link is the kernel's own: what it leads to has the same place in the tree.
func (f *forward) link(id, rel string) *node {
	to, err := f.t.host.readlink(f.real(rel))
	if err != nil {
		return nil
	}
	return link(id, to)
}

// withFlag is the file flags with one more in it.
func withFlag(flag uint64) func(string) string {
	return func(is string) string {
		n, err := strconv.ParseUint(strings.TrimSpace(is), 0, 32)
		if err != nil {
			return is
		}
		return fmt.Sprintf("%#x\n", n|flag)
	}
}
