package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A hundred readers and writers while slaves and bonds come and go: nobody waits
// for ever, nobody is shown what is no longer so, no text is torn, and the
// daemon has as many connections left for others as before.
func TestFilesUnderACrowd(t *testing.T) {
	t.Parallel()
	b := newBooth(t)
	b.bond("mode balance-rr miimon 100")
	c := &crowd{booth: b, m: b.files(), count: map[string]int{}, longest: map[string]time.Duration{}}
	ctx, cancel := context.WithTimeout(t.Context(), pick(3*time.Second, time.Minute))
	defer cancel()
	c.ctx = ctx
	for range 25 {
		c.each("read a text", c.readText)
		c.each("walk", c.walk)
		c.each("read as a monitor", c.readFolders)
	}
	c.each("release, enslave", func() { c.slave("eth0") })
	c.each("release, enslave", func() { c.slave("eth1") })
	for i := range 5 {
		c.each("make, remove a bond", func() { c.bond(fmt.Sprint("bond", i+1)) })
	}
	c.must(c.m.write("bonding_masters", "+still"))
	for option, values := range map[string][2]int{ // from, to; each has one writer
		"resend_igmp": {0, 255}, "lp_interval": {1, 1000}, "min_links": {0, 8}, "num_grat_arp": {0, 255},
		"packets_per_slave": {0, 100}, "arp_missed_max": {1, 255}, "all_slaves_active": {0, 2},
	} {
		for _, name := range []string{"bond0", "still"} {
			n := 0
			c.each("set, read an option", func() { n++; c.option(name, option, strconv.Itoa(values[0]+n%(values[1]-values[0]))) })
		}
	}
	c.each("ip", c.others)
	began := time.Now()
	c.all.Wait()
	for what, longest := range c.longest {
		t.Logf("%s: %d times in %v, the longest took %v", what, c.count[what], time.Since(began), longest)
		if longest > 20*time.Second {
			t.Errorf("%s: one took %v", what, longest)
		}
	}
	// Everything is as it is after the same with nobody looking.
	for _, eth := range []string{"eth0", "eth1"} {
		_ = c.m.write("bond0/bonding/slaves", "+"+eth)
	}
	if got := c.m.read("bond0/bonding/slaves"); got != "eth0 eth1\n" && got != "eth1 eth0\n" {
		t.Errorf("slaves in the end: %q", got)
	}
}

// Its end doesn't wait for a crowd that goes on.
func TestFilesEndUnderACrowd(t *testing.T) {
	t.Parallel()
	b := newBooth(t)
	b.bond("mode active-backup miimon 100")
	m := mountFS(t, b.ns, filepath.Join(t.TempDir(), "files"), b.env)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var once sync.WaitGroup
	for range 50 {
		once.Add(1)
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = os.ReadFile(m.net("bond0/bonding/slaves"))
				if n == 0 {
					once.Done()
				}
			}
		})
	}
	once.Wait()
	m.end()
	cancel()
	all.Wait()
	b.sh("nsenter --net=/run/netns/" + b.ns + " ping -q -c 1 -W 5 10.1.0.1")
}

// crowd is many at the same files.
type crowd struct {
	*booth
	m   *mounted
	ctx context.Context
	all sync.WaitGroup

	mu      sync.Mutex
	count   map[string]int
	longest map[string]time.Duration
}

// each has one more do something again and again.
func (c *crowd) each(what string, do func()) {
	c.all.Go(func() {
		for c.ctx.Err() == nil && !c.t.Failed() {
			began := time.Now()
			do()
			c.mu.Lock()
			c.count[what]++
			c.longest[what] = max(c.longest[what], time.Since(began))
			c.mu.Unlock()
		}
	})
}

// must fails unless a write was taken.
func (c *crowd) must(said string) {
	c.t.Helper()
	if said != "ok" {
		c.t.Errorf("a write: %s", said)
	}
}

// came and went: what may be said of a bond or a slave that others remove.
func (c *crowd) gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOTDIR)
}

func (c *crowd) readText() {
	text, err := os.ReadFile(c.m.dir + "/proc/net/bonding/bond0")
	if err != nil {
		c.t.Errorf("proc: %v", err)
		return
	}
	head, slaves, _ := strings.Cut(string(text), "\nSlave Interface: ")
	if !strings.HasPrefix(head, "Ethernet Channel Bonding Driver: v") || !strings.Contains(head, "\nPeer Notification Delay (ms): 0\n") {
		c.t.Errorf("torn:\n%s", text)
	}
	if slaves != "" && !strings.HasSuffix(slaves, "\nSlave queue ID: 0\n") {
		c.t.Errorf("torn:\n%s", text)
	}
}

// walk goes through the whole of the devices' tree.
func (c *crowd) walk() {
	err := filepath.WalkDir(c.m.net(""), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if c.gone(err) {
				return nil
			}
			return err
		}
		if c.ctx.Err() != nil {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		c.t.Errorf("walk: %v", err)
	}
}

// readFolders reads what a monitoring program reads.
func (c *crowd) readFolders() {
	masters, err := os.ReadFile(c.m.net("bonding_masters"))
	if err != nil || !strings.Contains(" "+string(masters), " bond0") {
		c.t.Errorf("masters: %q %v", masters, err)
	}
	for name := range strings.FieldsSeq(string(masters)) {
		slaves, err := os.ReadFile(c.m.net(name + "/bonding/slaves"))
		if err != nil && !c.gone(err) {
			c.t.Errorf("%s: %v", name, err)
		}
		for s := range strings.FieldsSeq(string(slaves)) {
			text, err := os.ReadFile(c.m.net(name + "/lower_" + s + "/bonding_slave/mii_status"))
			if err != nil && !c.gone(err) || err == nil && string(text) != "up\n" && string(text) != "down\n" {
				c.t.Errorf("%s of %s: %q %v", s, name, text, err)
			}
		}
	}
}

// slave takes a slave of its own out of the bond and back; the files must tell
// of it as soon as the write is done.
func (c *crowd) slave(eth string) {
	c.must(c.m.write("bond0/bonding/slaves", "-"+eth))
	if _, err := os.Lstat(c.m.net(eth + "/bonding_slave")); !errors.Is(err, fs.ErrNotExist) {
		c.t.Errorf("%s was released: %v", eth, err)
	}
	if _, err := os.Lstat(c.m.net("bond0/lower_" + eth)); !errors.Is(err, fs.ErrNotExist) {
		c.t.Errorf("%s was released: %v", eth, err)
	}
	if got := c.m.read("bond0/bonding/slaves"); strings.Contains(got, eth) {
		c.t.Errorf("%s was released: %s", eth, got)
	}
	c.must(c.m.write("bond0/bonding/slaves", "+"+eth))
	if got := c.m.read("bond0/lower_" + eth + "/bonding_slave/state"); got != "active\n" {
		c.t.Errorf("%s was enslaved: %s", eth, got)
	}
	if to, err := os.Readlink(c.m.net(eth + "/master")); to != "../bond0" {
		c.t.Errorf("%s was enslaved: %s %v", eth, to, err)
	}
}

// bond makes a bond of its own and removes it.
func (c *crowd) bond(name string) {
	c.must(c.m.write("bonding_masters", "+"+name))
	if got := c.m.read(name + "/bonding/mode"); got != "balance-rr 0\n" {
		c.t.Errorf("%s: mode reads %q", name, got)
	}
	held, err := os.Open(c.m.net(name + "/bonding/mode"))
	if err != nil {
		c.t.Errorf("%s was made: %v", name, err)
		return
	}
	defer held.Close()
	c.must(c.m.write("bonding_masters", "-"+name))
	if _, err := held.Read(make([]byte, 10)); !errors.Is(err, unix.ENODEV) {
		c.t.Errorf("an open file of %s: %v", name, err)
	}
	if _, err := os.Lstat(c.m.dir + "/proc/net/bonding/" + name); !errors.Is(err, fs.ErrNotExist) {
		c.t.Errorf("%s was removed: %v", name, err)
	}
}

// option is written by nobody else, so it reads what was written.
func (c *crowd) option(bond, option, value string) {
	c.must(c.m.write(bond+"/bonding/"+option, value))
	if got := c.m.read(bond + "/bonding/" + option); got != value+"\n" {
		c.t.Errorf("%s was set to %s and reads %s", option, value, got)
	}
}

// others are those who talk to the daemon themselves.
func (c *crowd) others() {
	out, err := c.try("ip -n " + c.ns + " -d link show bond0")
	if err != nil || !strings.Contains(out, "bond mode balance-rr") {
		c.t.Errorf("ip: %v %s", err, out)
	}
}
