package ifup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/ifcfg"
)

// remove removes a bond. Undo makes one like it: with its options and slaves, its
// addresses and routes.
func (m *Machine) remove(ctx context.Context, s ifcfg.Step) (Undo, error) {
	st, err := m.Client.Bond(ctx, s.Bond)
	if err != nil {
		return nil, err
	}
	on, err := heldBy(s.Bond)
	if err != nil {
		return nil, err
	}
	if err := m.Client.Delete(ctx, s.Bond); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return m.restore(ctx, &st, on) }, nil
}

// held is what the kernel has for a link.
type held struct {
	addrs  []netlink.Addr
	routes []netlink.Route
}

func heldBy(name string) (held, error) {
	var h held
	l, err := linkByName(name)
	if err != nil {
		return h, err
	}
	if h.addrs, err = dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) }); err != nil {
		return h, fmt.Errorf("%s: list of addresses: %w", name, err)
	}
	if h.routes, err = dump.Whole(func() ([]netlink.Route, error) { return netlink.RouteList(l, netlink.FAMILY_ALL) }); err != nil {
		return h, fmt.Errorf("%s: list of routes: %w", name, err)
	}
	return h, nil
}

// restore makes a bond as st has it. It goes on where something fails: a bond that
// lacks a slave is better than none.
func (m *Machine) restore(ctx context.Context, st *bond.State, on held) error {
	if _, err := m.create(ctx, ifcfg.Step{Bond: st.Name, Options: settings(st.Settings)}); err != nil {
		return fmt.Errorf("%s: make it again: %w", st.Name, err)
	}
	var errs []error
	for _, s := range st.Slaves {
		err := m.Client.Enslave(ctx, st.Name, s.Name)
		if err == nil && s.QueueID != 0 {
			err = m.Client.Set(ctx, st.Name, []option.Assign{{Option: "queue_id", Slave: s.Name, Value: strconv.Itoa(int(s.QueueID))}})
		}
		errs = append(errs, err)
	}
	if st.Up {
		_, err := m.followed(ctx, func() (Undo, error) { return setUp(st.Name) })
		errs = append(errs, err)
	}
	if st.MTU != 0 {
		_, err := m.followed(ctx, func() (Undo, error) { return setMTU(st.Name, st.MTU) })
		errs = append(errs, err)
	}
	return errors.Join(append(errs, on.giveTo(st.Name))...)
}

// settings are the options that aren't as every bond begins.
func settings(words map[string]string) []option.Assign {
	begin := option.Defaults()
	var out []option.Assign
	for _, o := range option.All() {
		is, ok := words[o.Name]
		if !ok || o.Scope != option.ScopeBond || o.ID == option.ActiveSlave || o.ID == option.Slaves || is == begin.Word(o.ID, &option.Runtime{}) || is == "" {
			continue
		}
		out = append(out, option.Assign{Option: o.Name, Value: is})
	}
	return out
}

func (h held) giveTo(name string) error {
	l, err := linkByName(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range h.addrs {
		if a.Flags&unix.IFA_F_PERMANENT == 0 || a.IP.IsLinkLocalUnicast() {
			continue
		}
		a.Flags, a.LinkIndex = 0, l.Attrs().Index
		errs = append(errs, netlink.AddrReplace(l, &a))
	}
	slices.SortStableFunc(h.routes, func(a, b netlink.Route) int { return int(b.Scope) - int(a.Scope) }) // links before gateways
	for _, r := range h.routes {
		if r.Protocol == unix.RTPROT_KERNEL || r.Protocol == unix.RTPROT_RA {
			continue
		}
		r.Flags &= int(netlink.FLAG_ONLINK)
		r.LinkIndex = l.Attrs().Index
		errs = append(errs, netlink.RouteReplace(&r))
	}
	return errors.Join(errs...)
}
