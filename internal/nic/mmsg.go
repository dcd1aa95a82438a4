package nic

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// golang.org/x/sys/unix has neither call. Both are made by RawSyscall: they
// carry MSG_DONTWAIT, so the scheduler need not be told.

// recvmmsg fills hdrs from fd without waiting and returns how many.
func recvmmsg(fd uintptr, hdrs []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// sendmmsg sends hdrs on fd without waiting. It returns how many went before
// one failed; the errno only if that was the first.
func sendmmsg(fd uintptr, hdrs []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// auxLen is the room for the one control message we ask for.
var auxLen = unix.CmsgSpace(int(unsafe.Sizeof(unix.TpacketAuxdata{})))

// auxdata returns the PACKET_AUXDATA in the control messages of one frame,
// nil if there is none. It is the only kind of message enabled.
func auxdata(control []byte) *unix.TpacketAuxdata {
	if len(control) < unix.CmsgLen(int(unsafe.Sizeof(unix.TpacketAuxdata{}))) {
		return nil
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
	if c.Level != unix.SOL_PACKET || c.Type != unix.PACKET_AUXDATA {
		return nil
	}
	return (*unix.TpacketAuxdata)(unsafe.Pointer(&control[unix.CmsgLen(0)]))
}

// vlanTag returns the tag that the kernel took off a frame.
func vlanTag(aux *unix.TpacketAuxdata) (tpid, tci uint16, ok bool) {
	if aux == nil || aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
		return 0, 0, false
	}
	tpid = unix.ETH_P_8021Q
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = aux.Vlan_tpid
	}
	return tpid, aux.Vlan_tci, true
}
