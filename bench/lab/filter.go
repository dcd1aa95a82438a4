package lab

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Verdicts of a classifier in direct-action mode, from linux/pkt_cls.h.
const (
	verdictNext = 0xffffffff // TC_ACT_UNSPEC: go on with the next filter
	verdictDrop = 2          // TC_ACT_SHOT
)

// ingressParent is the ingress hook of a clsact queueing discipline.
const ingressParent = 0xfffffff2

// filterHandle is the handle of our filters, one for each preference, so that
// setting a fault again replaces it without a moment in between.
const filterHandle = 1

// setFilter puts a classic BPF program into an ingress hook. The program
// returns verdictNext or verdictDrop.
func setFilter(e end, pref uint16, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("%s: assemble filter: %w", e, err)
	}
	ops := make([]byte, 0, 8*len(raw))
	for _, in := range raw {
		ops = binary.NativeEndian.AppendUint16(ops, in.Op)
		ops = append(ops, in.Jt, in.Jf)
		ops = binary.NativeEndian.AppendUint32(ops, in.K)
	}
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(raw))))
	options.AddRtAttr(nl.TCA_BPF_OPS, ops)
	options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	if err := filterRequest(e, unix.RTM_NEWTFILTER, unix.NLM_F_CREATE, pref, filterHandle, options); err != nil {
		return fmt.Errorf("%s: set filter %d: %w", e, pref, err)
	}
	return nil
}

// clearFilter takes a filter out; that there is none is no error.
func clearFilter(e end, pref uint16) error {
	err := filterRequest(e, unix.RTM_DELTFILTER, 0, pref, 0, nil)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%s: clear filter %d: %w", e, pref, err)
	}
	return nil
}

func filterRequest(e end, proto, flags int, pref uint16, handle uint32, options *nl.RtAttr) error {
	req := nl.NewNetlinkRequest(proto, flags|unix.NLM_F_ACK)
	var protocol [2]byte
	binary.BigEndian.PutUint16(protocol[:], unix.ETH_P_ALL)
	req.AddData(&nl.TcMsg{
		Family: unix.AF_UNSPEC, Ifindex: int32(e.index), Handle: handle, Parent: ingressParent,
		Info: uint32(pref)<<16 | uint32(binary.NativeEndian.Uint16(protocol[:])),
	})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	if options != nil {
		req.AddData(options)
	}
	return e.host.Do(func() error {
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}
