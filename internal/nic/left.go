package nic

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Isolated reports whether an isolation of ours is on an interface, this process's
// or one that another process left.
func Isolated(index int) (bool, error) {
	return (&Hook{what: "isolation", index: index, parent: ingress}).find()
}

// Hooked reports whether an interface has a clsact hook.
func Hooked(index int) (bool, error) { return (&Hook{what: "clsact", index: index}).there() }

// Unisolate removes an isolation that another process left. The clsact hook goes
// too if it has no other filters and wasn't there before ours. That nothing is
// there is no error.
func Unisolate(index int, hooked bool) error {
	return unhook(&Hook{what: "isolation", index: index, parent: ingress, made: !hooked})
}

// UnhookOut removes what HookOut of another process left on an interface.
func UnhookOut(index int) error {
	return unhook(&Hook{what: "egress hook", index: index, parent: egress, made: true})
}

func unhook(h *Hook) error {
	found, err := h.find()
	if err != nil || found {
		if err != nil {
			return err
		}
		return h.Remove()
	}
	if !h.made {
		return nil
	}
	// A process that ended between the two has made the hook and no filter.
	if hook, err := h.there(); err != nil || !hook || !h.alone() {
		return err
	}
	return h.Remove()
}

// there reports whether the interface has a clsact hook.
func (h *Hook) there() (bool, error) {
	list, err := netlink.QdiscList(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: h.index}})
	if err != nil {
		if gone(err) {
			return false, nil
		}
		return false, fmt.Errorf("%s: %w", h.what, err)
	}
	for _, q := range list {
		if q.Type() == "clsact" && q.Attrs().Handle == netlink.MakeHandle(0xffff, 0) {
			return true, nil
		}
	}
	return false, nil
}

// find looks for a filter of ours and notes its preference.
func (h *Hook) find() (bool, error) {
	list, err := h.filters(h.parent)
	if err != nil {
		return false, fmt.Errorf("%s: %w", h.what, err)
	}
	for _, f := range list {
		a := f.Attrs()
		if a.Handle == hookHandle && f.Type() == "bpf" && a.Priority >= firstPref && a.Priority <= lastPref && a.Protocol == unix.ETH_P_ALL {
			h.pref = a.Priority
			return true, nil
		}
	}
	return false, nil
}
