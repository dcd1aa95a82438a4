package nic

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/privilege"
)

// dropAll is the filter every socket is bound with, so that it queues nothing
// before its options are set. mdlayher/packet attaches it before bind(2).
var dropAll = []bpf.RawInstruction{{Op: unix.BPF_RET | unix.BPF_K, K: 0}}

// listen opens a packet socket bound to ifi that receives nothing yet and
// never receives what this host sends on ifi. protocol 0 makes a socket for
// sending only.
func listen(ifi *net.Interface, protocol int) (*packet.Conn, syscall.RawConn, error) {
	conn, err := packet.Listen(ifi, packet.Raw, protocol, &packet.Config{Filter: dropAll})
	if err != nil {
		return nil, nil, fmt.Errorf("slave %s: packet socket: %w", ifi.Name, privilege.Explain(cause(err), privilege.NetRaw))
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		err = withFD(raw, func(fd int) error {
			if err := checkEthernet(fd); err != nil {
				return err
			}
			// Linux before 4.20 has no PACKET_IGNORE_OUTGOING; receive drops
			// such frames by their packet type there.
			err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
			if err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
				return fmt.Errorf("setsockopt PACKET_IGNORE_OUTGOING: %w", err)
			}
			return setOne(fd, unix.PACKET_AUXDATA, "PACKET_AUXDATA")
		})
	}
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("slave %s: %w", ifi.Name, err)
	}
	return conn, raw, nil
}

// checkEthernet refuses a socket whose interface has other than Ethernet's
// headers and addresses.
func checkEthernet(fd int) error {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok || ll.Hatype != unix.ARPHRD_ETHER || ll.Halen != 6 {
		return errors.New("not an Ethernet interface")
	}
	return nil
}

// setOne switches a boolean SOL_PACKET option on.
func setOne(fd, opt int, name string) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, opt, 1); err != nil {
		return fmt.Errorf("setsockopt %s: %w", name, err)
	}
	return nil
}

// setBuffer sets SO_RCVBUF or SO_SNDBUF to n octets (the kernel doubles it for
// its own overhead), past net.core.[rw]mem_max where CAP_NET_ADMIN allows.
func setBuffer(fd, force, opt int, name string, n int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, n) == nil {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, n); err != nil {
		return fmt.Errorf("setsockopt %s: %w", name, err)
	}
	return nil
}

// acceptAll removes the filter a socket was bound with.
func acceptAll(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err != nil {
		return fmt.Errorf("setsockopt SO_DETACH_FILTER: %w", err)
	}
	return nil
}

// attach replaces that filter.
func attach(fd int, program []bpf.Instruction) error {
	prog, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filters := make([]unix.SockFilter, len(prog))
	for i, in := range prog {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]})
	if err != nil {
		return fmt.Errorf("setsockopt SO_ATTACH_FILTER: %w", err)
	}
	return nil
}

// withFD runs fn on the file descriptor of raw and returns its error.
func withFD(raw syscall.RawConn, fn func(fd int) error) error {
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return cause(err)
	}
	return inner
}

// cause strips the address and operation that mdlayher/packet wraps around an
// errno: our own messages say it shorter.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
