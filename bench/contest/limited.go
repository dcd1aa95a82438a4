package contest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/policy"
)

const (
	// linkRate is that of a limited link in bits a second.
	linkRate = 200e6
	// linkBurst has room for a super-frame, headers of its segments included.
	linkBurst = 128 << 10
	// linkQueue is how long a frame waits at most.
	linkQueue    = 20 * time.Millisecond
	limitedFlows = 64
	// limitedHead is how long the senders have to find the rate.
	limitedHead = 700 * time.Millisecond
)

// limit holds all links to the rate, from A to B.
func limit(l *lab.Lab) error {
	for _, k := range l.Links() {
		if err := k.Rate(lab.ToB, linkRate, linkBurst, linkQueue); err != nil {
			return err
		}
	}
	return nil
}

// carried measures what the links carry together, in Mbit/s as the limit counts
// them: frames without preamble and FCS.
func (s *sheet) carried(ctx context.Context) (mbit float64, u usage, err error) {
	octets := func() (sum uint64, err error) {
		for _, k := range s.lab.Links() {
			st, err := k.RateStats(lab.ToB)
			if err != nil {
				return 0, err
			}
			sum += st.Octets
		}
		return sum, nil
	}
	var took time.Duration
	var before, after uint64
	u, err = s.measured(func() (err error) {
		began := time.Now()
		if before, err = octets(); err != nil {
			return err
		}
		if err := pause(ctx, s.slice); err != nil {
			return err
		}
		after, err = octets()
		took = time.Since(began)
		return err
	})
	return float64(after-before) * 8 / 1e6 / took.Seconds(), u, err
}

// limited is many TCP streams as fast as they go, over limited links. A link
// that the hash gives no stream carries nothing, whatever the bond does: the
// share is of what the others can carry.
func limited(ctx context.Context, s *sheet) error {
	if err := limit(s.lab); err != nil {
		return err
	}
	load, err := dialStreams(ctx, s.lab, lab.AddrB4.Addr(), limitedFlows)
	if err != nil {
		return err
	}
	defer load.close()
	slaves := s.lab.Topology.Slaves
	used := make([]bool, slaves)
	allowed := 0.0
	for _, p := range load.pairs {
		i := linkOf(p[0].LocalAddr().(*net.TCPAddr).AddrPort(), p[0].RemoteAddr().(*net.TCPAddr).AddrPort(), slaves)
		if !used[i] {
			used[i] = true
			allowed += linkRate / 1e6
		}
	}
	load.start(false, time.Now().Add(time.Minute)) // it is closed before
	if err := pause(ctx, limitedHead); err != nil {
		return err
	}
	mbit, u, err := s.carried(ctx)
	if err != nil {
		return err
	}
	load.close()
	what := fmt.Sprintf("%d TCP streams by layer3+4 over %d links of 200 Mbit/s", limitedFlows, slaves)
	name := fmt.Sprintf("limited-%d", slaves)
	s.put(Metric{Name: name, Unit: "Mbit/s", What: what, Group: "Limited links"}, mbit, u)
	s.put(Metric{Name: name + "-allowed", Unit: "Mbit/s", What: what + ": those that the kernel's hash gives a stream"}, allowed, u)
	s.put(Metric{Name: name + "-share", Unit: "of allowed", What: what}, mbit/allowed, u)
	return load.wait(ctx)
}

// linkOf is the link that layer3+4 gives a TCP flow.
func linkOf(src, dst netip.AddrPort, links int) int {
	b := make([]byte, frameLen)
	fillUDP(b, src.Addr().Unmap(), dst.Addr().Unmap(), src.Port(), dst.Port(), 0)
	b[14+9] = unix.IPPROTO_TCP
	var f policy.Frame
	f.Decode(b)
	return int(f.Hash(policy.Layer34) % uint32(links))
}

// roundRobin is UDP at a little more than the links carry together.
func roundRobin(ctx context.Context, s *sheet) error {
	if err := limit(s.lab); err != nil {
		return err
	}
	slaves := s.lab.Topology.Slaves
	sum := float64(slaves) * linkRate
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- sendDatagrams(ctx, s.lab, 1.1*sum) }()
	if err := pause(ctx, limitedHead/2); err != nil {
		return errors.Join(err, <-ended)
	}
	mbit, u, err := s.carried(ctx)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	what := fmt.Sprintf("UDP by balance-rr over %d links of 200 Mbit/s", slaves)
	name := fmt.Sprintf("rr-%d", slaves)
	s.put(Metric{Name: name, Unit: "Mbit/s", What: what, Group: "Limited links"}, mbit, u)
	s.put(Metric{Name: name + "-share", Unit: "of the sum", What: what}, mbit*1e6/sum, u)
	return nil
}

// sendDatagrams sends UDP from A to B, full frames in super-frames of eight, at
// so many bits a second until ctx ends.
func sendDatagrams(ctx context.Context, l *lab.Lab, bits float64) error {
	const segment, segments, frame = 1472, 8, 1514
	var sink *net.UDPConn
	err := l.B.Do(func() (err error) {
		sink, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(lab.AddrB4.Addr(), 0)))
		return err
	})
	if err != nil {
		return err
	}
	defer sink.Close()
	fd, err := floodSocket(l.A, lab.AddrA4.Addr(), sink.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, segment); err != nil {
		return fmt.Errorf("UDP_SEGMENT: %w", err)
	}
	payload := make([]byte, segments*segment)
	each := time.Duration(segments * frame * 8 / bits * 1e9)
	began := time.Now()
	for sent := 0; ctx.Err() == nil; {
		due := int(time.Since(began) / each)
		if due-sent > 64 { // it doesn't get as far: no bursts
			sent = due - 64
		}
		for ; sent < due; sent++ {
			if err := unix.Send(fd, payload, 0); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return fmt.Errorf("datagrams: %w", err)
			}
		}
		_ = pause(ctx, 200*time.Microsecond) // the loop looks
	}
	return nil
}
