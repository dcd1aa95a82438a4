package lab

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

// LinkStats are a device's counters, in frames and octets since its making.
//
// For a veth: rx is what the peer has sent to it; a frame sent to a peer that
// is down, or whose input queue is full, counts in TxDropped of the sender. A
// packet socket that sent it is told so (ENOBUFS), but only until the kernel
// has acted on the lost carrier: from then on frames are taken without an
// error, lost, and counted in TxDropped all the same.
type LinkStats struct {
	RxFrames, TxFrames   uint64
	RxOctets, TxOctets   uint64
	RxDropped, TxDropped uint64
	RxErrors, TxErrors   uint64
}

// Stats reads the counters of a device.
func (h *Host) Stats(ifname string) (LinkStats, error) {
	link, err := h.Handle.LinkByName(ifname)
	if err != nil {
		return LinkStats{}, fmt.Errorf("%s %s: %w", h.Name, ifname, err)
	}
	s := link.Attrs().Statistics
	return LinkStats{
		RxFrames: s.RxPackets, TxFrames: s.TxPackets,
		RxOctets: s.RxBytes, TxOctets: s.TxBytes,
		RxDropped: s.RxDropped, TxDropped: s.TxDropped,
		RxErrors: s.RxErrors, TxErrors: s.TxErrors,
	}, nil
}

// QueueStats are the counters of one queueing discipline.
type QueueStats struct {
	Kind    string // tbf, clsact, pfifo_fast, …
	Frames  uint64 // sent
	Octets  uint64 // sent, headers of a super-frame's segments included
	Dropped uint64
	Backlog uint64 // frames waiting now
}

// Queues reads the queueing disciplines of a device, the root first.
func (h *Host) Queues(ifname string) ([]QueueStats, error) {
	link, err := h.Handle.LinkByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", h.Name, ifname, err)
	}
	qdiscs, err := h.Handle.QdiscList(link)
	if err != nil {
		return nil, fmt.Errorf("%s %s: qdiscs: %w", h.Name, ifname, err)
	}
	var out []QueueStats
	for _, q := range qdiscs {
		s := QueueStats{Kind: q.Type()}
		if st := q.Attrs().Statistics; st != nil {
			if st.Basic != nil {
				s.Frames, s.Octets = uint64(st.Basic.Packets), st.Basic.Bytes
			}
			if st.Queue != nil {
				s.Dropped, s.Backlog = uint64(st.Queue.Drops), uint64(st.Queue.Qlen)
			}
		}
		if q.Attrs().Parent == netlink.HANDLE_ROOT {
			out = append([]QueueStats{s}, out...)
			continue
		}
		out = append(out, s)
	}
	return out, nil
}

// WireStats says what became of the frames of one direction in a link's wire.
type WireStats struct {
	In  uint64 // frames that came in
	Out uint64 // frames that went out at the other end
	// Filtered are the frames that a fault of ours dropped, or that could not
	// be redirected because the other end was down or its queue full. The
	// kernel counts a frame lost in the queue here too.
	Filtered uint64
	Queued   uint64 // frames waiting in a rate limit's queue now
}

// Lost are the frames that neither went out nor wait.
func (s WireStats) Lost() uint64 { return s.In - s.Out - s.Queued }

// WireStats reads the counters of a single direction, ToB or ToA. They are
// exact for frames of at most MTU; a super-frame that the wire has to cut
// counts as one in In and as many in Out. Read them while nothing is moving.
func (k *Link) WireStats(d Direction) (WireStats, error) {
	if k.lab.Wire == nil {
		return WireStats{}, ErrNoWire
	}
	in, out := k.entry(d), k.exit(d)
	var s WireStats
	inStats, err := in.host.Stats(in.name)
	if err != nil {
		return s, err
	}
	outStats, err := out.host.Stats(out.name)
	if err != nil {
		return s, err
	}
	s.In, s.Out = inStats.RxFrames, outStats.TxFrames
	queues, err := in.host.Queues(in.name)
	if err != nil {
		return s, err
	}
	for _, q := range queues {
		if q.Kind == "clsact" {
			s.Filtered = q.Dropped
		}
	}
	queues, err = out.host.Queues(out.name)
	if err != nil {
		return s, err
	}
	for _, q := range queues {
		if q.Kind == "tbf" {
			s.Queued = q.Backlog
		}
	}
	return s, nil
}

// RateStats are the counters of a direction's rate limit (Link.Rate), ToB or
// ToA; all 0 where there is none.
func (k *Link) RateStats(d Direction) (QueueStats, error) {
	if k.lab.Wire == nil {
		return QueueStats{}, ErrNoWire
	}
	out := k.exit(d)
	queues, err := out.host.Queues(out.name)
	if err != nil {
		return QueueStats{}, err
	}
	for _, q := range queues {
		if q.Kind == "tbf" {
			return q, nil
		}
	}
	return QueueStats{}, nil
}

// IPReceived is the number of IPv4 packets that the host's stack was given, from
// any of its interfaces (RFC 4293, ipSystemStatsInReceives).
func (h *Host) IPReceived() (n uint64, err error) {
	var text []byte
	if err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	}); err != nil {
		return 0, fmt.Errorf("%s: %w", h.Name, err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "Ip: ")
		switch {
		case !ok:
		case names == nil:
			names = strings.Fields(rest)
		default:
			if i := slices.Index(names, "InReceives"); i >= 0 && i < len(strings.Fields(rest)) {
				return strconv.ParseUint(strings.Fields(rest)[i], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("%s: /proc/net/snmp tells nothing of packets received", h.Name)
}
