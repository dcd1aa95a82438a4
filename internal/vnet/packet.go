package vnet

import "golang.org/x/sys/unix"

// Packet is one Ethernet frame with its virtio-net header in front.
type Packet struct {
	// Buf is the header (HdrLen octets) followed by the frame, destination
	// MAC first, VLAN tags inline, no FCS. It is borrowed from the Reader that
	// returned it and valid until that Reader's next ReadBatch.
	Buf []byte
	// Type is the packet type the kernel gave a frame received on a slave:
	// unix.PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST.
	// It is 0 (PACKET_HOST) for frames read from the TAP.
	Type uint8
}

// Frame returns the Ethernet frame, without the header. Borrowed as Buf is.
func (p *Packet) Frame() []byte { return p.Buf[HdrLen:] }

// Reader is a source of frames with one caller: a TAP queue, or a slave's
// receive socket.
type Reader interface {
	// ReadBatch waits in the netpoller until there is a frame, then takes what
	// is there without waiting, up to the Reader's batch size. The slice and
	// the memory its Packets point to belong to the Reader and are valid until
	// the next call; headers and frames may be changed in place.
	//
	// Transient conditions (interface down, frame truncated) are counted by
	// the Reader and waited out. An error is final: os.ErrClosed after Close,
	// or the device is gone.
	ReadBatch() ([]Packet, error)
}

// Writer takes batches of frames. It never waits: what the other end cannot
// take now is dropped and accounted for in Sent.
type Writer interface {
	// WriteBatch writes the frames in order, retrying at most once where the
	// other end is full. Safe for concurrent callers only where the
	// implementation says so. The packets are not kept.
	WriteBatch(pkts []Packet) Sent
}

// Sent accounts for every frame of one WriteBatch:
// OK + Full + Down + TooBig + Invalid + Failed == len(pkts).
type Sent struct {
	OK      int // frames taken
	Octets  int // octets of the frames taken, headers not included
	Full    int // no room: EAGAIN, ENOBUFS
	Down    int // other end down or gone: ENETDOWN, ENXIO, ENODEV, EIO (TAP down), EBADFD
	TooBig  int // EMSGSIZE
	Invalid int // EINVAL and the like: the frame itself was refused
	Failed  int // any other errno, kept in Err
	// Err is the last errno seen in the call, 0 if none. ENOBUFS on a slave
	// means "queue full" or "no carrier": ask before deciding.
	Err unix.Errno
}
