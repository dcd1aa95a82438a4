package nic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
)

// Attributes and hooks of nf_tables (linux/netfilter/nf_tables.h, linux/netfilter.h)
// that the system package lacks.
const (
	nftaHookDevs     = 4
	nftaDeviceName   = 1
	nftaDevicePrefix = 2
	netdevIngress    = 0 // NF_NETDEV_INGRESS, of family netdev
	netdevEgress     = 1 // NF_NETDEV_EGRESS
	inetIngress      = 5 // NF_INET_INGRESS, of family inet
	policyAccept     = 1
)

// nftChains lists the chains of nftables on an interface's ingress hook, and on its
// egress hook if asked for, that have rules, or drop by default.
func nftChains(name string, egress bool) ([]string, error) {
	if !nftThere() {
		return nil, nil
	}
	msgs, err := dump.Whole(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETCHAIN, unix.NLM_F_DUMP)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC})
		return req.Execute(unix.NETLINK_NETFILTER, 0)
	})
	if err != nil {
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM) {
			return nil, nil // a kernel without nftables, or a process that may not look
		}
		return nil, fmt.Errorf("nftables: %w", err)
	}
	var out []string
	for _, m := range msgs {
		if text := chainOn(m, name, egress); text != "" {
			out = append(out, text)
		}
	}
	return out, nil
}

// chainOn describes a chain if it judges what arrives on an interface, or leaves by it.
func chainOn(msg []byte, name string, egress bool) string {
	if len(msg) < nl.SizeofNfgenmsg {
		return ""
	}
	family := msg[0]
	attrs, err := nl.ParseRouteAttrAsMap(msg[nl.SizeofNfgenmsg:])
	if err != nil {
		return ""
	}
	hook, ok := attrs[unix.NFTA_CHAIN_HOOK]
	if !ok {
		return ""
	}
	h, err := nl.ParseRouteAttrAsMap(hook.Value)
	if err != nil {
		return ""
	}
	number := uint32At(h[unix.NFTA_HOOK_HOOKNUM].Value)
	var word string
	switch {
	case family == unix.NFPROTO_NETDEV && number == netdevIngress:
		word = "ingress chain (netdev"
	case family == unix.NFPROTO_NETDEV && number == netdevEgress && egress:
		word = "egress chain (netdev"
	case family == unix.NFPROTO_INET && number == inetIngress:
		word = "ingress chain (inet"
	default:
		return ""
	}
	policy, has := attrs[unix.NFTA_CHAIN_POLICY]
	harmless := uint32At(attrs[unix.NFTA_CHAIN_USE].Value) == 0 && (!has || uint32At(policy.Value) == policyAccept)
	if harmless || !hookOn(h, name) {
		return ""
	}
	return fmt.Sprintf("nftables %s %s %s)", word, text(attrs[unix.NFTA_CHAIN_TABLE].Value), text(attrs[unix.NFTA_CHAIN_NAME].Value))
}

// hookOn reports whether a chain's hook is on an interface.
func hookOn(hook map[uint16]syscall.NetlinkRouteAttr, name string) bool {
	if text(hook[unix.NFTA_HOOK_DEV].Value) == name {
		return true
	}
	devices, err := nl.ParseRouteAttr(hook[nftaHookDevs].Value)
	return err == nil && slices.ContainsFunc(devices, func(d syscall.NetlinkRouteAttr) bool {
		switch d.Attr.Type {
		case nftaDeviceName:
			return text(d.Value) == name
		case nftaDevicePrefix:
			return strings.HasPrefix(name, text(d.Value))
		}
		return false
	})
}

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

// uint32At is a number in network order, 0 if it is missing.
func uint32At(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// nftThere reports whether the kernel has nftables already: to ask would load it.
func nftThere() bool {
	if _, err := os.Stat("/sys/module/nf_tables"); err == nil {
		return true
	}
	return nftBuiltIn()
}

// nftBuiltIn is true also where nothing says which parts the kernel has.
var nftBuiltIn = sync.OnceValue(func() bool {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return false
	}
	list, err := os.ReadFile(filepath.Join("/lib/modules", unix.ByteSliceToString(uts.Release[:]), "modules.builtin"))
	if err == nil {
		return strings.Contains(string(list), "/nf_tables.ko")
	}
	_, err = os.Stat("/proc/modules")
	return err != nil // a kernel that loads no modules
})
