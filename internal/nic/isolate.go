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

// A packet socket copies, it doesn't take: with the bond's address on a slave
// the host's own stack would answer on it too. Sockets are served before the
// ingress hook, the stack behind it: a drop there is what makes the NIC ours.
//
// The filter is classic BPF: it needs no more rights than the hook does, and
// being the kernel's it is still there when this process is not.

// Isolation is the drop in front of a slave's stack.
type Isolation struct {
	index int
	pref  uint16
	hook  bool // the hook was made by us
}

const (
	// isolationHandle makes our filter known among others'.
	isolationHandle = 0x7462
	// Filters run in the order of preference, and one that says "ok" ends the
	// row: ours has to be early.
	firstPref, lastPref = 1, 8
	ingress             = netlink.HANDLE_MIN_INGRESS
)

// Verdicts of a classifier in direct-action mode (linux/pkt_cls.h).
const (
	verdictNext = 0xffffffff // TC_ACT_UNSPEC
	verdictDrop = 2          // TC_ACT_SHOT
)

// stackTypes are the ethertypes a host's IP stack takes, and the VLAN tags it
// would look behind. Everything else passes: LLDP, EAPOL, PTP and their
// daemons work on a slave as on any NIC.
var stackTypes = []uint32{unix.ETH_P_IP, unix.ETH_P_ARP, unix.ETH_P_IPV6, unix.ETH_P_8021Q, unix.ETH_P_8021AD, unix.ETH_P_QINQ1}

func isolationProgram() ([]bpf.RawInstruction, error) {
	n := len(stackTypes)
	prog := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: uint8(n + 2)},
		bpf.LoadAbsolute{Off: 12, Size: 2},
	}
	for i, t := range stackTypes {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: t, SkipTrue: uint8(n - i)})
	}
	prog = append(prog, bpf.RetConstant{Val: verdictNext}, bpf.RetConstant{Val: verdictDrop})
	return bpf.Assemble(prog)
}

// Isolate keeps the host's IP stack from hearing what arrives on an interface
// of the caller's network namespace. A filter that a process of ours left is
// taken over.
func Isolate(index int) (*Isolation, error) {
	s := &Isolation{index: index}
	if s.left() {
		// Whose the hook was isn't known; Remove leaves it where others use it.
		s.hook = true
		return s, nil
	}
	if err := s.Mend(); err != nil {
		return nil, err
	}
	ok, err := s.Check()
	if err == nil && !ok {
		err = errors.New("the filter was accepted but is not there")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("isolation: %w", err), s.Remove())
	}
	return s, nil
}

// left finds the filter of a process that is no more.
func (s *Isolation) left() bool {
	for s.pref = firstPref; s.pref <= lastPref; s.pref++ {
		if ok, err := s.Check(); ok && err == nil {
			return true
		}
	}
	return false
}

// Mend installs what is missing.
func (s *Isolation) Mend() error {
	err := netlink.QdiscAdd(s.qdisc())
	switch {
	case err == nil:
		s.hook = true
	case !errors.Is(err, unix.EEXIST):
		return fmt.Errorf("isolation: clsact: %w", err)
	}
	for pref := uint16(firstPref); pref <= lastPref; pref++ {
		// A preference taken by a filter of another kind can't be ours.
		if err = s.install(pref); err == nil {
			s.pref = pref
			return nil
		}
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	if s.hook {
		_ = netlink.QdiscDel(s.qdisc())
		s.hook = false
	}
	return fmt.Errorf("isolation: cls_bpf filter: %w", err)
}

func (s *Isolation) qdisc() netlink.Qdisc {
	return &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: s.index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)},
		QdiscType:  "clsact",
	}
}

func (s *Isolation) install(pref uint16) error {
	prog, err := isolationProgram()
	if err != nil {
		return err
	}
	ops := make([]byte, 0, 8*len(prog))
	for _, in := range prog {
		ops = binary.NativeEndian.AppendUint16(ops, in.Op)
		ops = append(ops, in.Jt, in.Jf)
		ops = binary.NativeEndian.AppendUint32(ops, in.K)
	}
	// The library knows programs by descriptor only; this one has none.
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(prog))))
	options.AddRtAttr(nl.TCA_BPF_OPS, ops)
	options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	return s.request(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE, pref, options)
}

func (s *Isolation) request(op, flags int, pref uint16, options *nl.RtAttr) error {
	req := nl.NewNetlinkRequest(op, flags|unix.NLM_F_ACK)
	var all [2]byte
	binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
	req.AddData(&nl.TcMsg{
		Family: unix.AF_UNSPEC, Ifindex: int32(s.index), Handle: isolationHandle, Parent: ingress,
		Info: uint32(pref)<<16 | uint32(binary.NativeEndian.Uint16(all[:])),
	})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	if options != nil {
		req.AddData(options)
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func (s *Isolation) filters(parent uint32) ([]netlink.Filter, error) {
	dev := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: s.index}}
	return dump.Whole(func() ([]netlink.Filter, error) { return netlink.FilterList(dev, parent) })
}

// Check reports whether the filter is in place.
func (s *Isolation) Check() (bool, error) {
	list, err := s.filters(ingress)
	if err != nil {
		return false, fmt.Errorf("isolation: %w", err)
	}
	for _, f := range list {
		if a := f.Attrs(); a.Priority == s.pref && a.Handle == isolationHandle && f.Type() == "bpf" {
			return true, nil
		}
	}
	return false, nil
}

// Remove takes the filter away, and the hook too if we made it and nobody else
// uses it. That it is gone already is no error.
func (s *Isolation) Remove() error {
	err := s.request(unix.RTM_DELTFILTER, 0, s.pref, nil)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("isolation: remove: %w", err)
	}
	if !s.hook {
		return nil
	}
	for _, parent := range []uint32{ingress, netlink.HANDLE_MIN_EGRESS} {
		if list, err := s.filters(parent); err != nil || len(list) > 0 {
			return nil
		}
	}
	if err := netlink.QdiscDel(s.qdisc()); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("isolation: remove clsact: %w", err)
	}
	return nil
}
