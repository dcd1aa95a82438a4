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
	n := file(id, func(context.Context, Reader) (string, error) {
		text, err := f.t.host.read(f.real(rel))
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

// link leads where the real one leads. Another device of the namespace is a
// neighbour in the tree.
func (f *forward) link(id, rel string) *node {
	to, err := f.t.host.readlink(f.real(rel))
	if err != nil {
		return nil
	}
	if path.IsAbs(to) {
		return link(id, to)
	}
	// The folder in class/net is a link itself.
	at := path.Join("/sys/class/net", f.device)
	if home, err := f.t.host.readlink(f.real("")); err == nil {
		at = path.Join("/sys/class/net", home)
	}
	to = path.Join(at, path.Dir(rel), to)
	if isDeviceLink(rel) {
		return link(id, "../"+path.Base(to))
	}
	return link(id, to)
}

func isDeviceLink(name string) bool {
	return name == "master" || strings.HasPrefix(name, "upper_") || strings.HasPrefix(name, "lower_")
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
