package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Saved is how a NIC was before it became a slave.
type Saved struct {
	MAC  [6]byte `json:"mac"`
	MTU  int     `json:"mtu"`
	IPv6 string  `json:"disable_ipv6"` // of the sysctl; empty without IPv6
	// AddrGen is the sysctl addr_gen_mode; empty without IPv6.
	AddrGen string `json:"addr_gen_mode,omitempty"`
	// VLANFilters are the VLAN filters of the NIC that were on and can be switched
	// off, by ethtool's names.
	VLANFilters []string `json:"vlan_filters,omitempty"`
}

// SaveSlave implements Host.
func (l *Linux) SaveSlave(index int) (Saved, error) {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return Saved{}, err
	}
	v6, err := readSysctl(disableIPv6(i.Name))
	if err != nil {
		return Saved{}, err
	}
	gen, err := readSysctl(addrGenMode(i.Name))
	if err != nil {
		return Saved{}, err
	}
	return Saved{MAC: i.MAC, MTU: i.MTU, IPv6: v6, AddrGen: gen, VLANFilters: switchable(i.Name, i.Kind, true)}, nil
}

// IPv6Off implements Host.
func (l *Linux) IPv6Off(name string) bool {
	v, _ := readSysctl(disableIPv6(name))
	return v == "1"
}

// Unsaved implements Host.
func (l *Linux) Unsaved(i Info) (Saved, error) {
	s := Saved{MAC: i.PermMAC, MTU: i.MTU, VLANFilters: switchable(i.Name, i.Kind, false)}
	if s.MAC == [6]byte{} {
		s.MAC = i.MAC
	}
	var err, gerr error
	s.IPv6, err = readSysctl(disableIPv6("default"))
	s.AddrGen, gerr = readSysctl(addrGenMode("default"))
	return s, errors.Join(err, gerr)
}

// RestoreSlave implements Host: what can be put back is, whatever else fails.
func (l *Linux) RestoreSlave(index int, s Saved) error {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return err
	}
	return errors.Join(l.SetDown(index), l.restore(i, s))
}

// RestoreInUse implements Host.
func (l *Linux) RestoreInUse(index int, s Saved) error {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return err
	}
	return l.restore(i, s)
}

func (l *Linux) restore(i Info, s Saved) error {
	index := i.Index
	errs := []error{l.restoreVLANs(i, s)}
	if i.MAC != s.MAC {
		errs = append(errs, l.SetMAC(index, s.MAC))
	}
	if i.MTU != s.MTU {
		errs = append(errs, l.SetMTU(index, s.MTU))
	}
	// What is as it was needn't be written, where perhaps nothing can be.
	if now, _ := readSysctl(disableIPv6(i.Name)); s.IPv6 != "" && s.IPv6 != now {
		errs = append(errs, writeSysctl(disableIPv6(i.Name), s.IPv6))
	}
	if now, _ := readSysctl(addrGenMode(i.Name)); s.AddrGen != "" && s.AddrGen != now {
		errs = append(errs, l.setAddrGen(index, s.AddrGen))
	}
	return errors.Join(errs...)
}

// PrepareSlave implements Host: no IPv6 on the slave, so that it makes up no
// address of its own when it comes up. In a container whose /proc/sys can't be
// written to, it is at least kept from making up addresses.
func (l *Linux) PrepareSlave(index int) error {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return err
	}
	err = writeSysctl(disableIPv6(i.Name), "1")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil // a kernel without IPv6
	case errors.Is(err, unix.EROFS), errors.Is(err, os.ErrPermission):
		return l.setAddrGen(index, addrGenNone)
	}
	return err
}

// addrGenNone is IN6_ADDR_GEN_MODE_NONE.
const addrGenNone = "1"

// setAddrGen is ip link set … addrgenmode, with the sysctl's number.
func (l *Linux) setAddrGen(index int, mode string) error {
	n, err := strconv.Atoi(mode)
	if err != nil {
		return fmt.Errorf("addr_gen_mode: %w", err)
	}
	if err := l.nl.LinkSetIP6AddrGenMode(ref(index), n); err != nil {
		return fmt.Errorf("addrgenmode: %w", err)
	}
	return nil
}

// disableIPv6 is the sysctl's file: /proc/sys/net shows the
// namespace of the thread that opens it.
func disableIPv6(name string) string {
	return filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
}

func addrGenMode(name string) string {
	return filepath.Join("/proc/sys/net/ipv6/conf", name, "addr_gen_mode")
}

// readSysctl returns nothing for a file that isn't there.
func readSysctl(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), err
}

func writeSysctl(path, value string) error {
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("sysctl: %w", err)
	}
	return nil
}
