package unmanage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// dhcpcd as a manager of all NICs has two control sockets, one of them for
// everybody. Who connects sends one command line, its words ended by NUL, and
// may get an answer: a size of 8 octets, in the machine's order, and so many
// octets. It has no folder to put a file in.
type dhcpcd struct {
	sockets [][2]string // of commands, of questions, by version
	here    func(pid int) bool
}

func newDhcpcd(run string, here func(int) bool) manager {
	return &dhcpcd{here: here, sockets: [][2]string{
		{filepath.Join(run, "dhcpcd/sock"), filepath.Join(run, "dhcpcd/unpriv.sock")}, // since 9
		{filepath.Join(run, "dhcpcd.sock"), filepath.Join(run, "dhcpcd.unpriv.sock")},
	}}
}

func (d *dhcpcd) name() string { return "dhcpcd" }

// How long dhcpcd may take to answer, and how often it is asked. Release 9.4 can't
// talk to the next before it has noticed that the last one has gone; and it takes
// one command in its life: that one is obeyed, then it gives no answer any more.
const (
	dhcpcdAnswers = 150 * time.Millisecond
	dhcpcdTries   = 3
	dhcpcdPause   = 20 * time.Millisecond
)

var errMute = errors.New("gives no answer on its control socket")

// has: one that gives no answer may have the NIC.
func (d *dhcpcd) has(ctx context.Context, nic string) bool {
	found, err := d.lists(ctx, nic)
	return found || errors.Is(err, errMute)
}

func (d *dhcpcd) hold(ctx context.Context, nic string) error {
	if _, err := d.lists(ctx, nic); err != nil {
		return fmt.Errorf("%w; denyinterfaces %s in its configuration keeps it away", err, nic)
	}
	if err := d.command(ctx, "-k", nic); err != nil {
		return err
	}
	found, err := d.until(ctx, nic, false)
	switch {
	case errors.Is(err, errMute):
		return nil // 9.4, for which this was the one command
	case found:
		return errStill
	}
	return err
}

// until waits for dhcpcd to have the NIC, or not to have it any more, and tells
// whether it has.
func (d *dhcpcd) until(ctx context.Context, nic string, want bool) (found bool, err error) {
	for limit := time.Now().Add(leaves); ; {
		found, err = d.lists(ctx, nic)
		if err != nil || found == want || time.Now().After(limit) {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, context.Cause(ctx)
		case <-time.After(lookAgain):
		}
	}
}

func (d *dhcpcd) free(ctx context.Context, nics []string) error {
	if err := d.command(ctx, nics...); err != nil {
		return err
	}
	if _, err := d.until(ctx, nics[0], true); err != nil {
		return fmt.Errorf("%w: it takes %s again once it is restarted", err, strings.Join(nics, ", "))
	}
	return nil
}

// sweep: what dhcpcd was told is not to be found anywhere.
func (d *dhcpcd) sweep(context.Context, []string) error { return nil }

// dial connects to the socket of a dhcpcd that runs here; which is 0 for commands,
// 1 for questions.
func (d *dhcpcd) dial(ctx context.Context, which int) (net.Conn, error) {
	err := errors.New("doesn't run here")
	for _, paths := range d.sockets {
		var dialer net.Dialer
		conn, derr := dialer.DialContext(ctx, "unix", paths[which])
		if derr != nil {
			continue
		}
		if u, ok := conn.(*net.UnixConn); ok && d.here(listener(u)) {
			limit := time.Now().Add(dhcpcdAnswers)
			if t, ok := ctx.Deadline(); ok && t.Before(limit) {
				limit = t
			}
			return conn, conn.SetDeadline(limit)
		}
		conn.Close()
	}
	return nil, err
}

// listener is the process that listens where a connection goes to, 0 if that
// isn't known.
func listener(conn *net.UnixConn) (pid int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

func (d *dhcpcd) command(ctx context.Context, words ...string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	conn, err := d.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	return send(conn, append([]string{"dhcpcd"}, words...)...)
}

func send(w io.Writer, words ...string) error {
	_, err := io.WriteString(w, strings.Join(words, "\x00")+"\x00")
	return err
}

// lists asks whether dhcpcd has the NIC among those it configures.
func (d *dhcpcd) lists(ctx context.Context, nic string) (found bool, err error) {
	for try := range dhcpcdTries {
		if try > 0 {
			time.Sleep(dhcpcdPause)
		}
		if found, err = d.ask(ctx, nic); !errors.Is(err, errMute) {
			break
		}
	}
	return found, err
}

func (d *dhcpcd) ask(ctx context.Context, nic string) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	conn, err := d.dial(ctx, 1)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if err := send(conn, "--getinterfaces"); err != nil {
		return false, err
	}
	found, err := findInterface(conn, nic)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errMute
	case err != nil:
		err = fmt.Errorf("%w: %w", errMute, err)
	}
	return found, err
}

// Limits to what is read from dhcpcd.
const (
	maxEntries = 4096
	maxEntry   = 1 << 20
)

// findInterface reads how many entries there are and then each: the environment
// its scripts would have, of every NIC and protocol.
func findInterface(r io.Reader, nic string) (found bool, err error) {
	size := func(limit uint64) (n uint64) {
		var b [8]byte
		if err == nil {
			_, err = io.ReadFull(r, b[:])
		}
		if n = binary.NativeEndian.Uint64(b[:]); n > limit && err == nil {
			err = fmt.Errorf("an answer of %d", n)
		}
		return n
	}
	n := size(maxEntries)
	for ; n > 0 && err == nil; n-- {
		length := size(maxEntry)
		if err != nil {
			break
		}
		entry := make([]byte, length)
		_, err = io.ReadFull(r, entry)
		for word := range strings.SplitSeq(string(entry), "\x00") {
			found = found || word == "interface="+nic
		}
	}
	return found, err
}
