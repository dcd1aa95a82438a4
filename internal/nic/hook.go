package nic

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
)

// Hook is a filter of ours on a device's clsact hook. Being the kernel's, it is
// still there when this process is not.
type Hook struct {
	what   string // for errors
	index  int
	parent uint32 // ingress or egress
	filter attributes
	pref   uint16
	made   bool // the hook was made by us
}

// attributes make a filter's program, as netlink has it.
type attributes func(options *nl.RtAttr) error

const (
	// hookHandle makes our filter known among others'.
	hookHandle = 0x7462
	// Filters run in the order of preference, and one that says "ok" ends the
	// row: ours has to be early.
	firstPref, lastPref = 1, 8
	ingress             = netlink.HANDLE_MIN_INGRESS
	egress              = netlink.HANDLE_MIN_EGRESS
)

// classic gives a program of classic BPF, which needs no more rights than the
// hook does. The library knows programs by descriptor only; this has none.
func classic(prog []bpf.RawInstruction) attributes {
	return func(options *nl.RtAttr) error {
		ops := make([]byte, 0, 8*len(prog))
		for _, in := range prog {
			ops = binary.NativeEndian.AppendUint16(ops, in.Op)
			ops = append(ops, in.Jt, in.Jf)
			ops = binary.NativeEndian.AppendUint32(ops, in.K)
		}
		options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(prog))))
		options.AddRtAttr(nl.TCA_BPF_OPS, ops)
		return nil
	}
}

// loaded gives a program of eBPF by its descriptor.
func loaded(fd int) attributes {
	return func(options *nl.RtAttr) error {
		options.AddRtAttr(nl.TCA_BPF_FD, nl.Uint32Attr(uint32(fd)))
		options.AddRtAttr(nl.TCA_BPF_NAME, nl.ZeroTerminated("tapbond"))
		return nil
	}
}

// attach puts the filter there. One that a process of ours left is replaced, at
// once: no frame sees neither.
func (h *Hook) attach() error {
	if h.left() {
		// Whose the hook was isn't known; Remove leaves it where others use it.
		h.made = true
		return h.install(h.pref)
	}
	if err := h.Mend(); err != nil {
		return err
	}
	ok, err := h.Check()
	if err == nil && !ok {
		err = errors.New("the filter was accepted but is not there")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", h.what, err), h.Remove())
	}
	return nil
}

// left finds the filter of a process that is no more.
func (h *Hook) left() bool {
	ok, err := h.find()
	return ok && err == nil
}

// Mend installs what is missing.
func (h *Hook) Mend() error {
	err := netlink.QdiscAdd(h.qdisc())
	switch {
	case err == nil:
		h.made = true
	case !errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%s: clsact: %w", h.what, err)
	}
	for pref := uint16(firstPref); pref <= lastPref; pref++ {
		// A preference taken by a filter of another kind can't be ours.
		if err = h.install(pref); err == nil {
			h.pref = pref
			return nil
		}
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	if h.made {
		_ = netlink.QdiscDel(h.qdisc())
		h.made = false
	}
	return fmt.Errorf("%s: cls_bpf filter: %w", h.what, err)
}

func (h *Hook) qdisc() netlink.Qdisc {
	return &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: h.index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)},
		QdiscType:  "clsact",
	}
}

func (h *Hook) install(pref uint16) error {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	if err := h.filter(options); err != nil {
		return err
	}
	options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	return h.request(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE, pref, options)
}

func (h *Hook) request(op, flags int, pref uint16, options *nl.RtAttr) error {
	req := nl.NewNetlinkRequest(op, flags|unix.NLM_F_ACK)
	var all [2]byte
	binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
	req.AddData(&nl.TcMsg{
		Family: unix.AF_UNSPEC, Ifindex: int32(h.index), Handle: hookHandle, Parent: h.parent,
		Info: uint32(pref)<<16 | uint32(binary.NativeEndian.Uint16(all[:])),
	})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	if options != nil {
		req.AddData(options)
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func (h *Hook) filters(parent uint32) ([]netlink.Filter, error) {
	dev := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: h.index}}
	return dump.Whole(func() ([]netlink.Filter, error) { return netlink.FilterList(dev, parent) })
}

// Check reports whether the filter is in place.
func (h *Hook) Check() (bool, error) {
	list, err := h.filters(h.parent)
	if err != nil {
		return false, fmt.Errorf("%s: %w", h.what, err)
	}
	for _, f := range list {
		if a := f.Attrs(); a.Priority == h.pref && a.Handle == hookHandle && f.Type() == "bpf" {
			return true, nil
		}
	}
	return false, nil
}

// Remove takes the filter away, and the hook too if we made it and nobody else
// uses it. That it is gone already is no error.
func (h *Hook) Remove() error {
	// With the hook goes the filter: nobody who ends between the two leaves one of
	// them behind.
	if h.made && h.alone() {
		if err := netlink.QdiscDel(h.qdisc()); err != nil && !gone(err) {
			return fmt.Errorf("%s: remove clsact: %w", h.what, err)
		}
		return nil
	}
	if err := h.request(unix.RTM_DELTFILTER, 0, h.pref, nil); err != nil && !gone(err) {
		return fmt.Errorf("%s: remove: %w", h.what, err)
	}
	return nil
}

// gone: what was to be removed is not there.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV)
}

// alone reports whether the hook has no filter but ours.
func (h *Hook) alone() bool {
	for _, parent := range []uint32{ingress, egress} {
		list, err := h.filters(parent)
		if err != nil {
			return false
		}
		for _, f := range list {
			if a := f.Attrs(); parent != h.parent || a.Handle != hookHandle || f.Type() != "bpf" {
				return false
			}
		}
	}
	return true
}
