package monitor

import (
	"errors"
	"unsafe"

	"github.com/safchain/ethtool"
	"golang.org/x/sys/unix"
)

// ethtoolValue and ifreqData are the kernel's structures for an ethtool
// request that answers with one number.
type ethtoolValue struct{ cmd, data uint32 }

type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// glink is a carrier request, made once and used for every poll.
type glink struct {
	req   ifreqData
	value ethtoolValue
}

func newGlink(name string) *glink {
	g := new(glink)
	copy(g.req.name[:unix.IFNAMSIZ-1], name)
	g.req.data = unsafe.Pointer(&g.value)
	return g
}

// read asks the kernel for the true carrier: administratively up and carrier
// on. Asking also flushes a link event that the kernel holds back.
func (g *glink) read(sock int) (bool, unix.Errno) {
	g.value.cmd = unix.ETHTOOL_GLINK
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(sock), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&g.req)))
	return g.value.data != 0, errno
}

// running is the fallback for devices that don't answer ETHTOOL_GLINK.
func running(sock int, name string) (bool, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return false, err
	}
	if err := unix.IoctlIfreq(sock, unix.SIOCGIFFLAGS, ifr); err != nil {
		return false, err
	}
	const want = unix.IFF_UP | unix.IFF_RUNNING
	return ifr.Uint16()&want == want, nil
}

// nameOf returns the present name of an interface.
func nameOf(sock, index int) (string, error) {
	ifr, err := unix.NewIfreq("x")
	if err != nil {
		return "", err
	}
	ifr.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(sock, unix.SIOCGIFNAME, ifr); err != nil {
		return "", err
	}
	return ifr.Name(), nil
}

// ReadSpeed returns the speed and duplex of the named interface; zero where it
// tells none.
func ReadSpeed(name string) (Speed, error) {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return Speed{}, err
	}
	defer e.Close()
	var cmd ethtool.EthtoolCmd
	mbps, err := e.CmdGet(&cmd, name)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return Speed{}, nil
	}
	if err != nil {
		return Speed{}, err
	}
	s := Speed{Mbps: mbps}
	if mbps == ^uint32(0) || mbps == 0xffff {
		s.Mbps = 0
	}
	switch cmd.Duplex {
	case 0:
		s.Duplex = DuplexHalf
	case 1:
		s.Duplex = DuplexFull
	}
	return s, nil
}
