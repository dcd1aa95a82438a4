package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

// wire joins a TAP, whose other side is a guest's NIC, to an interface of a host:
// every frame that comes in at one leaves at the other as it is, those to
// link-local addresses, too.
type wire struct {
	host *lab.Host
	name string // of the interface
}

// tapName is the TAP's name. It is at most as long as the kernel allows.
func tapName(ifname string) string {
	return "g-" + ifname[:min(len(ifname), unix.IFNAMSIZ-3)]
}

// wire makes the wires of all NICs that have an interface.
func (g *Guest) wire() error {
	for _, n := range g.cfg.NICs {
		if n.Interface == "" {
			continue
		}
		if g.cfg.Host == nil {
			return fmt.Errorf("NIC on %s: Config.Host is missing", n.Interface)
		}
		w := &wire{g.cfg.Host, n.Interface}
		g.wires = append(g.wires, w)
		if err := w.make(); err != nil {
			return fmt.Errorf("wire to %s %s: %w", w.host.Name, w.name, err)
		}
	}
	return nil
}

// prefRedirect comes after the filters of a lab's faults.
const prefRedirect = 1000

func (w *wire) make() error {
	link, err := w.host.Handle.LinkByName(w.name)
	if err != nil {
		return err
	}
	tap := &netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: tapName(w.name), MTU: link.Attrs().MTU},
		Mode:      netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_ONE_QUEUE,
	}
	if err := w.host.Do(func() error {
		if err := netlink.LinkAdd(tap); err != nil {
			return err
		}
		err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", tap.Name, "disable_ipv6"), []byte("1"), 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // no IPv6 here
		}
		return err
	}); err != nil {
		return err
	}
	made, err := w.host.Handle.LinkByName(tap.Name)
	if err != nil {
		return err
	}
	for _, l := range []netlink.Link{made, link} {
		if err := errors.Join(w.host.Handle.LinkSetUp(l), w.host.Handle.SetPromiscOn(l)); err != nil {
			return err
		}
	}
	return errors.Join(w.redirect(made, link), w.redirect(link, made))
}

func (w *wire) redirect(from, to netlink.Link) error {
	clsact := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: from.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
	if err := w.host.Handle.QdiscAdd(clsact); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("clsact: %w", err)
	}
	return w.host.Handle.FilterAdd(redirectFilter(from, to.Attrs().Index))
}

func redirectFilter(from netlink.Link, to int) *netlink.U32 {
	return &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: from.Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS,
			Priority: prefRedirect, Protocol: unix.ETH_P_ALL,
		},
		Actions: []netlink.Action{netlink.NewMirredAction(to)},
	}
}

// remove takes the wire away. The interface keeps its queueing discipline, which
// others may use.
func (w *wire) remove() error {
	var missing netlink.LinkNotFoundError
	tap, err := w.host.Handle.LinkByName(tapName(w.name))
	if err == nil {
		err = w.host.Handle.LinkDel(tap)
	}
	link, err2 := w.host.Handle.LinkByName(w.name)
	if err2 == nil {
		err2 = errors.Join(w.host.Handle.SetPromiscOff(link), w.host.Handle.FilterDel(redirectFilter(link, 0)))
	}
	var errs []error
	for _, e := range []error{err, err2} {
		if e != nil && !errors.As(e, &missing) && !errors.Is(e, unix.ENOENT) && !errors.Is(e, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("wire to %s %s: %w", w.host.Name, w.name, e))
		}
	}
	return errors.Join(errs...)
}
