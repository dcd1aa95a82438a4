package nic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrDriven says that another process of ours drives an interface now.
var ErrDriven = errors.New("another tapbond process carries frames on it")

// Driven returns ErrDriven if an interface has our filter and packet sockets as
// OpenPort opens them, and nil if it has neither, or the filter alone: a filter
// outlives its process, sockets don't. The caller must have none of its own there.
func Driven(index int) error {
	h := &Hook{what: "isolation", index: index, parent: ingress}
	if !h.left() {
		return nil
	}
	text, err := os.ReadFile("/proc/thread-self/net/packet")
	if err != nil {
		return fmt.Errorf("packet sockets: %w", err)
	}
	if portSockets(text, index) {
		return ErrDriven
	}
	return nil
}

// portSockets reports whether an interface has both a socket that receives all
// protocols and one that only sends. A capture has the first kind alone.
func portSockets(text []byte, index int) bool {
	var receives, sends bool
	// sk RefCnt Type Proto Iface R Rmem User Inode, the protocol in hexadecimal.
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 5 || f[4] != strconv.Itoa(index) {
			continue
		}
		proto, err := strconv.ParseUint(f[3], 16, 16)
		receives = receives || err == nil && proto == unix.ETH_P_ALL
		sends = sends || err == nil && proto == 0
	}
	return receives && sends
}
