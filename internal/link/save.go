package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Saved is how a NIC was before it became a slave.
type Saved struct {
	MAC  [6]byte `json:"mac"`
	MTU  int     `json:"mtu"`
	IPv6 string  `json:"disable_ipv6"` // of the sysctl; empty without IPv6
}

// SaveSlave implements Host.
func (l *Linux) SaveSlave(index int) (Saved, error) {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return Saved{}, err
	}
	v6, err := os.ReadFile(disableIPv6(i.Name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Saved{}, err
	}
	return Saved{MAC: i.MAC, MTU: i.MTU, IPv6: strings.TrimSpace(string(v6))}, nil
}

// RestoreSlave implements Host: what can be put back is, whatever else fails.
func (l *Linux) RestoreSlave(index int, s Saved) error {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return err
	}
	errs := []error{l.SetDown(index)}
	if i.MAC != s.MAC {
		errs = append(errs, l.SetMAC(index, s.MAC))
	}
	if i.MTU != s.MTU {
		errs = append(errs, l.SetMTU(index, s.MTU))
	}
	if s.IPv6 != "" {
		errs = append(errs, writeSysctl(disableIPv6(i.Name), s.IPv6))
	}
	return errors.Join(errs...)
}

// PrepareSlave implements Host: no IPv6 on the slave, so that it makes up no
// address of its own when it comes up.
func (l *Linux) PrepareSlave(index int) error {
	i, err := l.LinkByIndex(index)
	if err != nil {
		return err
	}
	err = writeSysctl(disableIPv6(i.Name), "1")
	if errors.Is(err, os.ErrNotExist) {
		return nil // a kernel without IPv6
	}
	return err
}

// disableIPv6 is the sysctl's file: /proc/sys/net shows the
// namespace of the thread that opens it.
func disableIPv6(name string) string {
	return filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
}

func writeSysctl(path, value string) error {
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("sysctl: %w", err)
	}
	return nil
}
