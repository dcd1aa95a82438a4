package modconf

import (
	"strings"
	"testing"
)

// The words before the parameters stand in any order.
func TestInstallInAnyOrder(t *testing.T) {
	for _, words := range []string{
		"/sbin/modprobe -o bond0 --ignore-install bonding", "modprobe -i -o bond0 bonding", "/sbin/modprobe bonding --ignore-install -o bond0",
		"/sbin/modprobe --name bond0 -v bonding", "/sbin/modprobe bonding",
	} {
		c, dir := conf(t, map[string]string{"etc/modprobe.conf": "install bond0 " + words + " mode=1 miimon=100\n"})
		want(t, words, show(dir, c.Options("bond0")), "mode=1 etc/modprobe.conf:1", "miimon=100 etc/modprobe.conf:1")
	}
	dir := root(t, map[string]string{"etc/modprobe.d/f.conf": "install bond0 /sbin/modprobe bonding mode=1; sleep 1\n"})
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "the options of this command can't be read") {
		t.Errorf("options of a shell's command: %v", err)
	}
}

// Options of a name that is no alias have no effect, and that is told.
func TestOptionsWithoutAlias(t *testing.T) {
	c, _ := conf(t, map[string]string{"etc/modprobe.conf": "alias bond0 bonding\noptions bond1 mode=4 miimon=100\noptions e1000 mode=4\n"})
	if n := c.Notes(); len(n) != 1 || n[0].Line != 2 || !strings.Contains(n[0].Text, "`alias bond1 bonding`") || c.Options("bond1") != nil {
		t.Errorf("%v; options %v", n, c.Options("bond1"))
	}
}
