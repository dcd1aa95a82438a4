// Package privilege says which capability a refused system call wants, and whether
// this process could have it.
package privilege

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Capability is one that the program needs for something.
type Capability struct {
	Name string
	// Initial says that it counts in the initial user namespace alone: whoever is
	// root in a user namespace of their own does not have it.
	Initial bool
	of      string // the namespace whose user namespace it is looked for in
	bit     int
}

// The capabilities that the program needs.
var (
	NetAdmin = Capability{Name: "CAP_NET_ADMIN", of: "network", bit: unix.CAP_NET_ADMIN}
	NetRaw   = Capability{Name: "CAP_NET_RAW", of: "network", bit: unix.CAP_NET_RAW}
	SysAdmin = Capability{Name: "CAP_SYS_ADMIN", of: "mount", bit: unix.CAP_SYS_ADMIN}
	BPF      = Capability{Name: "CAP_BPF", bit: unix.CAP_BPF, Initial: true}
)

// Explain adds to a refused right which capability the call wants, and why this
// process does not have it. Other errors are returned as they are.
func Explain(err error, wants Capability) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, lack(wants, effective(), initialUserNS()))
}

// lack says what is wrong with a process' capabilities.
func lack(wants Capability, effective uint64, initial bool) string {
	has := effective&(1<<wants.bit) != 0
	switch {
	case wants.Initial && !initial:
		return "needs " + wants.Name + " in the initial user namespace; this process is in another one"
	case !has && !initial:
		return "needs " + wants.Name + " in the user namespace that owns the " + wants.of + " namespace; this process lacks it"
	case !has:
		return "needs " + wants.Name + ", which this process lacks"
	case !initial:
		return "needs " + wants.Name + " in the user namespace that owns the " + wants.of + " namespace"
	}
	return "needs " + wants.Name + ", which this process has: something else forbids it, such as a security module, seccomp or lockdown"
}

// effective returns the process' effective capabilities; all of them if they can't
// be read.
func effective() uint64 {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return ^uint64(0)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
}

// initialUserNS reports whether the process is in the user namespace that maps all
// users to themselves.
func initialUserNS() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || isIdentity(string(text))
}

func isIdentity(uidMap string) bool {
	f := strings.Fields(uidMap)
	return len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295"
}
