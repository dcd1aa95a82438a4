// Package naive is link aggregation as one would first write it: a TAP by
// songgao/water, a packet socket by mdlayher/packet for each slave, one frame
// at a time. It is here to be read before the real thing, and to be measured
// against it. A frame costs a system call to read, one to write, and what the
// two libraries do in between; there is no virtio-net header, so that
// super-frames and unfinished checksums can't pass: offloads must be off at both
// ends of every link, and on the TAP, or it carries nothing.
//
// There is no failover, no monitor and no isolation. The TAP keeps an address
// of its own and the slaves are promiscuous, so that the slaves' own IP stack
// takes the frames for somebody else's.
package naive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/mdlayher/packet"
	"github.com/songgao/water"
	"golang.org/x/sys/unix"
)

// maxFrame is the largest frame without offloads: a jumbo MTU, header and tags.
const maxFrame = 9000 + 14 + 8

// Run carries frames between a new TAP of that name and the slaves, interfaces
// of the caller's network namespace, until ctx ends. ready is called when the
// TAP is there.
func Run(ctx context.Context, name string, slaves []string, ready func()) (err error) {
	if len(slaves) == 0 {
		return errors.New("naive: no slaves")
	}
	dev, err := water.New(water.Config{
		DeviceType:             water.TAP,
		PlatformSpecificParams: water.PlatformSpecificParams{Name: name},
	})
	if err != nil {
		return fmt.Errorf("naive: tap %s: %w", name, err)
	}
	var conns []*packet.Conn
	closeAll := sync.OnceFunc(func() {
		dev.Close()
		for _, c := range conns {
			c.Close()
		}
	})
	defer closeAll()
	for _, slave := range slaves {
		conn, err := listen(slave)
		if err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	stop := context.AfterFunc(ctx, closeAll)
	defer stop()

	failed := make(chan error, 1+len(conns))
	go func() { failed <- out(dev, conns) }()
	for _, c := range conns {
		go func() { failed <- in(c, dev) }()
	}
	ready()
	err = <-failed
	closeAll()
	for range conns {
		<-failed
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func listen(slave string) (*packet.Conn, error) {
	ifi, err := net.InterfaceByName(slave)
	if err != nil {
		return nil, fmt.Errorf("naive: %s: %w", slave, err)
	}
	conn, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
	if err != nil {
		return nil, fmt.Errorf("naive: %s: %w", slave, err)
	}
	if err := conn.SetPromiscuous(true); err != nil {
		return nil, errors.Join(fmt.Errorf("naive: %s: promiscuous: %w", slave, err), conn.Close())
	}
	return conn, nil
}

// out carries frames from the host: layer 2 XOR over the slaves.
func out(dev *water.Interface, conns []*packet.Conn) error {
	buf := make([]byte, maxFrame)
	for {
		n, err := dev.Read(buf)
		if err != nil {
			return err
		}
		if n < 14 {
			continue
		}
		c := conns[int(buf[5]^buf[11])%len(conns)]
		// What a slave doesn't take is lost, as on a wire.
		_, _ = c.WriteTo(buf[:n], &packet.Addr{HardwareAddr: net.HardwareAddr(buf[:6])})
	}
}

// in carries one slave's frames to the host.
func in(c *packet.Conn, dev *water.Interface) error {
	buf := make([]byte, maxFrame)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		// A TAP that is down refuses: lost, as on a wire.
		_, _ = dev.Write(buf[:n])
	}
}
