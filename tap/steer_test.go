package tap

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

// mapping is a program for tc: it writes down the queue that an octet of the
// frame asks for, counted from one, as a frame carries it.
func mapping() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadAbs(14, asm.Byte),
		asm.JEq.Imm(asm.R0, 0, "on"),
		asm.StoreMem(asm.R6, skbQueueMapping, asm.R0, asm.Word),
		asm.Mov.Imm(asm.R0, -1).WithSymbol("on"),
		asm.Return(),
	}
}

// Frames mapped to a queue come there, and only they, with or without offloads,
// with one or several queues for the rest.
func TestSteer(t *testing.T) {
	for _, base := range []int{1, 3} {
		for _, offload := range []Offload{OffloadOn, OffloadOff} {
			labtest.InNetns(t, func() { steers(t, base, offload) })
		}
	}
}

func steers(t *testing.T, base int, offload Offload) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dev, err := Open(Options{Name: "tbtap0", Queues: base, Offload: offload})
	must(err)
	defer dev.Close()
	must(netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: dev.Index()}}))
	must(dev.Steer([]uint16{2, 4}))
	must(dev.Grow(5))
	if n := len(dev.Queues()); n != 5 {
		t.Fatalf("%d queues", n)
	}
	send := mapped(t, dev.Index())
	// As many flows as there are queues, and more: the rest's are never 2 or 4.
	for _, tt := range []struct {
		mapped byte
		want   []int
	}{{3, []int{2}}, {5, []int{4}}, {0, []int{0, 1}}, {2, []int{0, 1}}, {9, []int{0, 1}}} {
		for flow := range byte(8) {
			if base == 1 {
				tt.want = tt.want[:1]
			}
			send(tt.mapped, flow)
			if got := readAny(t, dev.Queues(), tt.mapped, flow); got != tt.want[0] && (len(tt.want) < 2 || got != tt.want[1]) {
				t.Errorf("%d queues, offload %v: mapped to %d: flow %d came on queue %d, want %v", base, dev.Offload(), int(tt.mapped)-1, flow, got, tt.want)
			}
		}
	}
	must(dev.Steer(nil))
	must(dev.Close())
	if err := dev.Steer(nil); err == nil {
		t.Error("a closed TAP is steered")
	}
}

// mapped has tc map what leaves on a TAP, and returns how to send there.
func mapped(t *testing.T, index int) func(queue, flow byte) {
	t.Helper()
	program, err := loadProgram(ebpf.SchedCLS, mapping())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	link := netlink.LinkAttrs{Index: index}
	if err := netlink.QdiscAdd(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)}, QdiscType: "clsact",
	}); err != nil {
		t.Fatal(err)
	}
	if err := netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: netlink.HANDLE_MIN_EGRESS, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1},
		Fd:          program.FD(), Name: "map", DirectAction: true,
	}); err != nil {
		t.Fatal(err)
	}
	proto := binary.NativeEndian.Uint16([]byte{0x88, 0xb5})
	sock, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(sock) })
	return func(queue, flow byte) {
		t.Helper()
		f := make([]byte, 60)
		copy(f, net.HardwareAddr{2, 0, 0, 0, 0, flow, 2, 0, 0, 0, 0, 0x42, 0x88, 0xb5, queue, flow})
		if err := unix.Sendto(sock, f, 0, &unix.SockaddrLinklayer{Ifindex: index, Protocol: proto}); err != nil {
			t.Fatal(err)
		}
	}
}

// readAny waits for the frame on all queues and returns which it came on.
func readAny(t *testing.T, queues []Queue, mapped, flow byte) int {
	t.Helper()
	fds := make([]unix.PollFd, len(queues))
	for i, q := range queues {
		q, _ := q.(*queue)
		_ = q.file.Control(func(fd uintptr) { fds[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} })
	}
	for {
		if n, err := unix.Poll(fds, 5000); err != nil && err != unix.EINTR || n == 0 {
			t.Fatalf("no frame of flow %d mapped to %d: %v", flow, mapped, err)
		}
		for i := range fds {
			if fds[i].Revents == 0 {
				continue
			}
			pkts, err := queues[i].ReadBatch()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range pkts {
				if f := p.Frame(); len(f) > 15 && f[12] == 0x88 && f[13] == 0xb5 && f[14] == mapped && f[15] == flow {
					return i
				}
			}
		}
	}
}
