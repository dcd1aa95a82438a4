package tap

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/songgao/water"
	"github.com/tapbond/tapbond/internal/park"
	"github.com/tapbond/tapbond/internal/privilege"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// checkName: water cuts long names silently, and the kernel takes what would
// be a format ("%d") or break paths.
func checkName(name string) error {
	if name == "" || len(name) >= unix.IFNAMSIZ || name == "." || name == ".." || strings.ContainsAny(name, "/:% \t\n\v\f\r") {
		return fmt.Errorf("tap: invalid interface name (%s): %w", name, unix.EINVAL)
	}
	return nil
}

// ensure makes the TAP unless it is to be adopted and there.
func ensure(name string, adopt bool) (created bool, err error) {
	link, err := netlink.LinkByName(name)
	if err == nil {
		if t, ok := link.(*netlink.Tuntap); adopt && ok && t.Mode == netlink.TUNTAP_MODE_TAP {
			return false, nil
		}
		return false, fmt.Errorf("tap %s: %w", name, unix.EEXIST)
	}
	ifce, err := openWater(name)
	if err != nil {
		return false, fmt.Errorf("tap %s: create: %w", name, privilege.Explain(err, privilege.NetAdmin))
	}
	return true, ifce.Close()
}

// openWater creates the TAP, or attaches one more plain queue to it. Multi-queue
// always: a TAP can't become it later.
func openWater(name string) (*water.Interface, error) {
	cfg := water.Config{DeviceType: water.TAP}
	cfg.Name = name
	cfg.Persist = true
	cfg.MultiQueue = true
	ifce, err := water.New(cfg)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("/dev/net/tun: %w (the tun module is missing, or the container isn't given the device)", err)
	}
	return ifce, err
}

// attachPlain attaches a queue that carries bare frames, opened by water.
func attachPlain(name string) (*park.File, error) {
	ifce, err := openWater(name)
	if err != nil {
		return nil, err
	}
	defer ifce.Close()
	f, ok := ifce.ReadWriteCloser.(*os.File)
	if !ok {
		return nil, fmt.Errorf("water gave a %T, not a file", ifce.ReadWriteCloser)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	return park.Dup(raw, f.Name())
}

// remove deletes the link called name.
func remove(name string) error {
	link, err := netlink.LinkByName(name)
	if _, gone := err.(netlink.LinkNotFoundError); gone {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("tap %s: delete: %w", name, err)
	}
	return nil
}

// nameOf is the name that a link has now. Package net would list all links for it.
func nameOf(index int) (string, error) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return "", err
	}
	return link.Attrs().Name, nil
}
