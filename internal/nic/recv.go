package nic

import (
	"unsafe"

	"github.com/tapbond/tapbond/internal/vnet"
	"golang.org/x/sys/unix"
)

const (
	// batchSize bounds a batch; more gains nothing and costs cache.
	batchSize = 32
	// fewSuper is the batch where super-frames come in: more of them would have
	// left the cache before the TAP takes them.
	fewSuper = 2
	// superFrame is the mean length, in octets, that tells them.
	superFrame = 16 << 10
	// maxFrame: a super-frame of 64 KB with its link header and tags.
	maxFrame = 65536 + 64
	// slotSize is a frame with room for a tag in front, in a stride that is no
	// power of two: those fall into the same cache sets. Pages that no frame
	// is long enough for are never touched.
	slotSize = vnet.TagLen + vnet.HdrLen + maxFrame + 192
)

// receiver is a Port's reading side and its scratch.
type receiver struct {
	port *afPort
	r    reader
	want int // messages of the next recvmmsg
	got  int // and of the last
	pkts []vnet.Packet

	arena   *arena
	hdrs    [batchSize]unix.Mmsghdr
	iov     [batchSize]unix.Iovec
	from    [batchSize]unix.RawSockaddrLinklayer
	control [batchSize][64]byte
}

func newReceiver(p *afPort) (*receiver, error) {
	a, err := newArena(batchSize * slotSize)
	if err != nil {
		return nil, err
	}
	in := &receiver{port: p, want: batchSize, arena: a, pkts: make([]vnet.Packet, 0, batchSize)}
	start := vnet.TagLen
	if !p.header {
		start += vnet.HdrLen // we write the header ourselves
	}
	for i := range in.hdrs {
		slot := in.slot(i)
		in.iov[i].Base = &slot[start]
		in.iov[i].SetLen(len(slot) - start)
		h := &in.hdrs[i].Hdr
		h.Iov = &in.iov[i]
		h.Iovlen = 1
		h.Name = (*byte)(unsafe.Pointer(&in.from[i]))
		h.Control = &in.control[i][0]
	}
	in.r.init(p.rx, p.rx, p.index, in.take)
	return in, nil
}

func (in *receiver) slot(i int) []byte {
	return in.arena.mem[i*slotSize : (i+1)*slotSize : (i+1)*slotSize]
}

// take is one recvmmsg. The kernel writes lengths back into the headers, so
// they are set anew each time.
func (in *receiver) take(fd uintptr) unix.Errno {
	for i := range in.hdrs {
		h := &in.hdrs[i].Hdr
		h.Namelen = unix.SizeofSockaddrLinklayer
		h.SetControllen(auxLen)
	}
	n, errno := recvmmsg(fd, in.hdrs[:in.want])
	if errno == unix.EINVAL {
		// A frame whose offload facts a header can't say; the kernel has
		// dropped it.
		in.port.malformed.Add(1)
		n, errno = 0, 0
	}
	in.got = n
	return errno
}

// ReadBatch implements Port.
func (p *afPort) ReadBatch() ([]vnet.Packet, error) {
	in := p.in
	for {
		in.got = 0
		if err := in.r.wait(); err != nil {
			in.arena.free() // the end: the one who reads is done with the last batch
			return nil, err
		}
		in.pkts = in.pkts[:0]
		octets := 0
		for i := range in.got {
			octets += int(in.hdrs[i].Len)
			in.frame(i)
		}
		in.want = batchSize
		if octets > in.got*superFrame {
			in.want = fewSuper
		}
		if len(in.pkts) > 0 {
			p.received.Add(uint64(len(in.pkts)))
			return in.pkts, nil
		}
	}
}

// frame makes message i a packet.
func (in *receiver) frame(i int) {
	p, h := in.port, &in.hdrs[i]
	if in.from[i].Pkttype == unix.PACKET_OUTGOING {
		return // a kernel that can't be told to ignore those
	}
	if h.Hdr.Flags&unix.MSG_TRUNC != 0 {
		p.truncated.Add(1)
		return
	}
	aux := auxdata(in.control[i][:h.Hdr.Controllen])
	slot := in.slot(i)
	end := vnet.TagLen + int(h.Len)
	if !p.header {
		end += vnet.HdrLen
		csum := aux != nil && aux.Status&unix.TP_STATUS_CSUMNOTREADY != 0
		hdr := vnet.Synthesize(slot[vnet.TagLen+vnet.HdrLen:end], p.mtu, csum)
		hdr.Encode(slot[vnet.TagLen:])
	}
	if end < vnet.TagLen+vnet.HdrLen+14 {
		p.malformed.Add(1)
		return
	}
	buf := slot[vnet.TagLen:end]
	if tpid, tci, ok := vlanTag(aux); ok {
		if buf, ok = vnet.InsertTag(slot[:end], tpid, tci); !ok {
			p.malformed.Add(1)
			return
		}
	}
	in.pkts = append(in.pkts, vnet.Packet{Buf: buf, Type: in.from[i].Pkttype})
}
