package traffic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// PingConfig describes echo requests, ICMP or ICMPv6 by the address's family.
type PingConfig struct {
	From     Place
	Src      netip.Addr // the zero Addr leaves it to the kernel
	Dst      netip.Addr
	Count    int           // 1 to 65535; 0 means 1
	Interval time.Duration // between requests; 0 means 10 ms
	Timeout  time.Duration // after the last request; 0 means 1 s
	Size     int           // payload in octets, MinPayload or more; 0 means 56
}

// PingReport is what came back.
type PingReport struct {
	Sent int
	// Received are the requests answered, so Sent = Received + Lost.
	Received   int
	Lost       int
	Duplicated int // answers after a request's first
	Corrupted  int // answers that are not the request's payload
	Errors     int // requests that the kernel refused to send, not in Sent
	// RTT of each request answered, in order of arrival.
	RTT []time.Duration
}

// Median is the median round trip time, 0 without any.
func (r PingReport) Median() time.Duration {
	if len(r.RTT) == 0 {
		return 0
	}
	s := slices.Clone(r.RTT)
	slices.Sort(s)
	return s[len(s)/2]
}

// String is a line for people.
func (r PingReport) String() string {
	return fmt.Sprintf("sent %d received %d lost %d duplicated %d corrupted %d errors %d rtt median %s",
		r.Sent, r.Received, r.Lost, r.Duplicated, r.Corrupted, r.Errors, r.Median().Round(time.Microsecond))
}

// Types of echo messages.
const (
	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// Ping sends the requests and waits for the answers until all are there or the
// time is out. An answer that comes after the last expected one is waited for
// as long as one interval: duplicates of earlier requests are counted anyway.
func Ping(ctx context.Context, cfg PingConfig) (PingReport, error) {
	if cfg.Count == 0 {
		cfg.Count = 1
	}
	if cfg.Interval == 0 {
		cfg.Interval = 10 * time.Millisecond
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Second
	}
	if cfg.Size == 0 {
		cfg.Size = 56
	}
	if cfg.Count < 1 || cfg.Count > 65535 || cfg.Size < MinPayload || cfg.Size > 65000 || cfg.Interval < 0 {
		return PingReport{}, fmt.Errorf("ping %s: count %d, size %d, interval %s: out of range", cfg.Dst, cfg.Count, cfg.Size, cfg.Interval)
	}
	p := pinger{cfg: cfg, request: echoRequest4, reply: echoReply4, seen: make([]bool, cfg.Count)}
	domain, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if cfg.Dst.Is6() {
		domain, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
		p.request, p.reply = echoRequest6, echoReply6
	}
	f, err := openIn(cfg.From, "ping "+cfg.Dst.String(), domain, unix.SOCK_RAW, proto, func(fd int) error {
		if err := listenBig(fd); err != nil {
			return err
		}
		if cfg.Src.IsValid() {
			if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(cfg.Src, 0))); err != nil {
				return fmt.Errorf("bind %s: %w", cfg.Src, err)
			}
		}
		return unix.Connect(fd, sockaddr(netip.AddrPortFrom(cfg.Dst, 0)))
	})
	if err != nil {
		return PingReport{}, err
	}
	defer f.Close()
	// One id for each run of each process, so that runs side by side are told
	// apart: the time of its start goes into every payload.
	p.run = Now()
	p.id = uint16(os.Getpid()) ^ uint16(p.run)
	return p.loop(ctx, f)
}

type pinger struct {
	cfg            PingConfig
	request, reply byte
	id             uint16
	run            Stamp
	seen           []bool
	rep            PingReport
}

// loop sends on time and reads in between.
func (p *pinger) loop(ctx context.Context, f *os.File) (PingReport, error) {
	buf := make([]byte, 1<<16)
	next := time.Now()
	for i := 0; ; {
		if err := ctx.Err(); err != nil {
			return p.finish(), err
		}
		wait := next
		switch {
		case i < p.cfg.Count:
			if time.Now().Before(next) {
				break
			}
			if _, err := f.Write(p.message(i)); err != nil {
				p.rep.Errors++
			} else {
				p.rep.Sent++
			}
			i++
			next = next.Add(p.cfg.Interval)
			continue
		case i == p.cfg.Count: // all sent
			next = time.Now().Add(p.cfg.Timeout)
			i++
			continue
		case p.rep.Received == p.rep.Sent: // all answered: one interval more for copies
			wait = minTime(next, time.Now().Add(p.cfg.Interval))
			next = wait
		}
		// A context that ends is seen within this time.
		f.SetReadDeadline(minTime(wait, time.Now().Add(50*time.Millisecond)))
		n, err := f.Read(buf)
		switch {
		case err == nil:
			p.take(buf[:n])
		case !errors.Is(err, os.ErrDeadlineExceeded):
			// An ICMP error for one of ours: the request is lost, that is all.
			if !isICMPError(err) {
				return p.finish(), err
			}
		}
		if i > p.cfg.Count && !time.Now().Before(next) {
			return p.finish(), nil
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func isICMPError(err error) bool {
	return errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH) ||
		errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENETDOWN)
}

func (p *pinger) finish() PingReport {
	p.rep.Lost = p.rep.Sent - p.rep.Received
	return p.rep
}

// message is echo request i.
func (p *pinger) message(i int) []byte {
	m := make([]byte, 8+p.cfg.Size)
	m[0] = p.request
	binary.BigEndian.PutUint16(m[4:], p.id)
	binary.BigEndian.PutUint16(m[6:], uint16(i))
	PutPayload(m[8:], Header{Flow: p.id, Seq: uint64(i)<<48 | uint64(p.run)&(1<<48-1), Sent: Now()})
	if p.request == echoRequest4 { // for ICMPv6 the kernel does it
		binary.BigEndian.PutUint16(m[2:], checksum(m))
	}
	return m
}

// take accounts for a message of the network; the IPv4 one has its IP header.
func (p *pinger) take(m []byte) {
	if p.request == echoRequest4 {
		if len(m) < 20 || len(m) < int(m[0]&15)*4 {
			return
		}
		m = m[int(m[0]&15)*4:]
	}
	if len(m) < 8 || m[0] != p.reply || binary.BigEndian.Uint16(m[4:]) != p.id {
		return
	}
	seq := int(binary.BigEndian.Uint16(m[6:]))
	h, intact := ParsePayload(m[8:])
	if !intact || len(m) != 8+p.cfg.Size || seq >= len(p.seen) || h.Seq != uint64(seq)<<48|uint64(p.run)&(1<<48-1) {
		p.rep.Corrupted++
		return
	}
	if p.seen[seq] {
		p.rep.Duplicated++
		return
	}
	p.seen[seq] = true
	p.rep.Received++
	p.rep.RTT = append(p.rep.RTT, Now().Sub(h.Sent))
}

// checksum is the Internet checksum (RFC 1071) of b, whose own checksum field
// is zero.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
