package contest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

// flowWorks are small frames of many flows over several links.
func flowWorks(slaves int) (all []work) {
	for _, in := range []bool{false, true} {
		for _, flows := range []int{10, 100, 1000, 10_000, 100_000} {
			name := fmt.Sprintf("flows-%s-%dx%d", wayName(in), slaves, flows)
			all = append(all, work{name, func(ctx context.Context, s *sheet) error { return s.flows(ctx, name, slaves, flows, in) }})
		}
	}
	return all
}

// flows sends frames made beforehand, a flow each in turn, by packet sockets: on
// A's bond, or on all of B's links the same number.
func (s *sheet) flows(ctx context.Context, name string, slaves, flows int, in bool) error {
	slice := s.slice / 2 // there are many of them
	f, err := s.flowFrames(flows, in)
	if err != nil {
		return err
	}
	defer f.close()
	before, err := f.arrived()
	if err != nil {
		return err
	}
	sentBefore, err := sentOver(s.lab)
	if err != nil {
		return err
	}
	var frames uint64
	u, err := s.measured(func() error {
		if err := f.send(ctx, time.Now().Add(slice)); err != nil {
			return err
		}
		for last := before; ; last = frames {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
			if frames, err = f.arrived(); err != nil || frames == last {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	if frames == before {
		return errors.New("nothing arrived")
	}
	m := Metric{
		Name: name, What: fmt.Sprintf("64 octet frames of %d flows over %d links, %s", flows, slaves, wayName(in)),
		Group: "Frames of many flows, " + wayName(in), Series: fmt.Sprintf("%d links", slaves), X: float64(flows),
	}
	s.putFrames(m, float64(frames-before), slice, u)
	if in {
		return nil
	}
	sentAfter, err := sentOver(s.lab)
	if err != nil {
		return err
	}
	var most, sum float64
	for i := range sentAfter {
		n := float64(sentAfter[i].TxFrames - sentBefore[i].TxFrames)
		most, sum = max(most, n), sum+n
	}
	m.Name, m.Unit, m.Less, m.Group = name+"-spread", "of even", true, "Fullest link of many flows"
	s.put(m, most*float64(slaves)/max(1, sum), u)
	return nil
}

// flowFrames are frames with the sockets to send them by.
type flowFrames struct {
	lab   *lab.Lab
	in    bool // to A's stack, else to B's links
	socks []int
	sink  *net.UDPConn // so that nobody answers; nil where they are nobody's
	frame []byte       // all frames, frameLen each
	flows int
}

const frameLen = 60

// flowFrames prepares so many flows. What A sends is for a neighbour that isn't
// there, whose MAC nobody has: what B's stack costs is not in question.
func (s *sheet) flowFrames(flows int, in bool) (f *flowFrames, err error) {
	f = &flowFrames{lab: s.lab, in: in, flows: flows, frame: make([]byte, flows*frameLen)}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	bond, err := s.lab.A.Handle.LinkByName(s.on.Ifname)
	if err != nil {
		return nil, err
	}
	from, ifnames := s.lab.A, []string{s.on.Ifname}
	own, other := bond.Attrs().HardwareAddr, net.HardwareAddr{0x02, 0, 0, 0, 0xff, 0}
	src, dst, port := lab.AddrA4.Addr(), netip.MustParseAddr("10.99.0.100"), 9
	if in {
		from, ifnames, own, other = s.lab.B, slaveNames(s.lab), other, own
		src, dst = dst, lab.AddrA4.Addr()
		err := s.lab.A.Do(func() (err error) {
			f.sink, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 0)))
			return err
		})
		if err != nil {
			return nil, err
		}
		port = f.sink.LocalAddr().(*net.UDPAddr).Port
	}
	for i := range flows {
		b := f.frame[i*frameLen : (i+1)*frameLen]
		copy(b, other)
		copy(b[6:], own)
		fillUDP(b, src, dst, uint16(1024+i%60000), uint16(port), i/60000)
		if in {
			b[11] = byte(i)
		} else {
			b[5] = byte(i)
		}
	}
	for _, name := range ifnames {
		fd, err := packetSocket(from, name)
		if err != nil {
			return nil, err
		}
		f.socks = append(f.socks, fd)
	}
	return f, nil
}

// fillUDP writes an IPv4 and a UDP header for a frame of frameLen. turn makes
// other flows of the same ports.
func fillUDP(b []byte, src, dst netip.Addr, from, to uint16, turn int) {
	binary.BigEndian.PutUint16(b[12:], unix.ETH_P_IP)
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], frameLen-14)
	copy(ip[12:], src.AsSlice())
	copy(ip[16:], dst.AsSlice())
	ip[15] += byte(turn)
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum>>16+sum))
	udp := ip[20:]
	binary.BigEndian.PutUint16(udp, from)
	binary.BigEndian.PutUint16(udp[2:], to)
	binary.BigEndian.PutUint16(udp[4:], frameLen-34) // without a checksum
}

// packetSocket is one that hears nothing.
func packetSocket(h *lab.Host, ifname string) (fd int, err error) {
	link, err := h.Handle.LinkByName(ifname)
	if err != nil {
		return 0, err
	}
	err = h.Do(func() error {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index})
	})
	if err != nil {
		return 0, fmt.Errorf("%s: packet socket: %w", ifname, err)
	}
	return fd, nil
}

// send sends batches until the time is over, to each socket in turn, from a
// thread of its own. What isn't taken is lost.
func (f *flowFrames) send(ctx context.Context, until time.Time) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var hdrs [floodBatch]unix.Mmsghdr
	var iovs [floodBatch]unix.Iovec
	for i := range hdrs {
		hdrs[i].Hdr.Iov = &iovs[i]
		hdrs[i].Hdr.SetIovlen(1)
		iovs[i].SetLen(frameLen)
	}
	for n, next := 0, 0; ; n++ {
		for i := range iovs {
			iovs[i].Base = &f.frame[next*frameLen]
			next = (next + 1) % f.flows
		}
		for done := 0; done < floodBatch; {
			k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(f.socks[n%len(f.socks)]), uintptr(unsafe.Pointer(&hdrs[done])), uintptr(floodBatch-done), 0, 0, 0)
			switch errno {
			case 0:
				done += int(k)
			case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
				done++
			default:
				return fmt.Errorf("flows: %w", errno)
			}
		}
		if n%16 == 0 && (ctx.Err() != nil || !time.Now().Before(until)) {
			return ctx.Err()
		}
	}
}

// arrived is the number of frames at the far end so far.
func (f *flowFrames) arrived() (sum uint64, err error) {
	if f.in {
		return f.lab.A.IPReceived()
	}
	for _, name := range slaveNames(f.lab) {
		s, err := f.lab.B.Stats(name)
		if err != nil {
			return 0, err
		}
		sum += s.RxFrames
	}
	return sum, nil
}

func (f *flowFrames) close() {
	for _, fd := range f.socks {
		unix.Close(fd)
	}
	if f.sink != nil {
		f.sink.Close()
	}
}
