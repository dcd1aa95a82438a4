package traffic

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// TCPConfig describes one TCP connection and the octets to carry over it, both
// ways at once.
type TCPConfig struct {
	From, To Place          // the client's and the server's namespace
	Listen   netip.AddrPort // the server's address; port 0 takes any
	Out      int64          // octets from the client
	Back     int64          // octets from the server
}

// TCPResult is what became of them. The octets arrived whole and in order if
// the hashes of each way are equal; TCPStream makes that an error if not.
type TCPResult struct {
	OutSent, OutReceived   [sha256.Size]byte
	BackSent, BackReceived [sha256.Size]byte
	Took                   time.Duration
}

// TCPStream opens the connection, carries the octets and closes it.
func TCPStream(ctx context.Context, cfg TCPConfig) (TCPResult, error) {
	var res TCPResult
	var ln *net.TCPListener
	err := cfg.To.Do(func() (err error) {
		ln, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(cfg.Listen))
		return err
	})
	if err != nil {
		return res, err
	}
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()

	served := make(chan error, 1)
	go func() {
		served <- func() error {
			conn, err := ln.AcceptTCP()
			if err != nil {
				return err
			}
			return exchange(ctx, conn, cfg.Back, cfg.Out, 2, &res.BackSent, &res.OutReceived)
		}()
	}()
	began := time.Now()
	var conn net.Conn
	err = cfg.From.Do(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", ln.Addr().String())
		return err
	})
	if err != nil {
		ln.Close()
		<-served
		return res, err
	}
	err = exchange(ctx, conn.(*net.TCPConn), cfg.Out, cfg.Back, 1, &res.OutSent, &res.BackReceived)
	ln.Close()
	err = errors.Join(err, <-served)
	res.Took = time.Since(began)
	if err == nil && (res.OutSent != res.OutReceived || res.BackSent != res.BackReceived) {
		err = fmt.Errorf("tcp %s: content differs: out %x / %x, back %x / %x", cfg.Listen.Addr(),
			res.OutSent[:4], res.OutReceived[:4], res.BackSent[:4], res.BackReceived[:4])
	}
	return res, err
}

// exchange writes send octets of the stream named by id while it reads, half
// closes, and reads to the other's end.
func exchange(ctx context.Context, conn *net.TCPConn, send, want int64, id uint64, sent, received *[sha256.Size]byte) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	wrote := make(chan error, 1)
	go func() {
		h := sha256.New()
		_, err := io.CopyN(io.MultiWriter(conn, h), &pattern{x: mix(id)}, send)
		h.Sum(sent[:0])
		wrote <- errors.Join(err, conn.CloseWrite())
	}()
	h := sha256.New()
	n, err := io.CopyBuffer(h, struct{ io.Reader }{conn}, make([]byte, 64<<10))
	h.Sum(received[:0])
	if err == nil && n != want {
		err = fmt.Errorf("tcp: %d octets of %d arrived", n, want)
	}
	if err := errors.Join(err, <-wrote); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

// pattern is an endless stream of octets without a short period.
type pattern struct{ x uint64 }

func (p *pattern) Read(b []byte) (int, error) {
	n := len(b) &^ 7
	if n == 0 {
		n = len(b)
		for i := range b {
			p.x += golden
			b[i] = byte(mix(p.x))
		}
		return n, nil
	}
	for i := 0; i < n; i += 8 {
		p.x += golden
		binary.LittleEndian.PutUint64(b[i:], mix(p.x))
	}
	return n, nil
}
