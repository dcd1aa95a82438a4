package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// ip runs the installed ip in host A.
func (s *served) ip(args string) {
	s.t.Helper()
	if out, err := s.lab.A.Command(s.t.Context(), "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		s.t.Fatalf("ip %s: %v %s", args, err, out)
	}
}

// looks returns a link as ip shows it, in one line.
func (s *served) looks(dev string) string {
	out, _ := s.lab.A.Command(s.t.Context(), "ip", "-o", "link", "show", "dev", dev).CombinedOutput()
	return string(out)
}

func (s *served) filtered(dev string) bool {
	s.t.Helper()
	out, err := s.lab.A.Command(s.t.Context(), "tc", "qdisc", "show", "dev", dev).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tc: %v %s", err, out)
	}
	return strings.Contains(string(out), "clsact")
}

// What nobody can read any more is undone by the marks that are on the devices.
func TestCleanupWithoutARecord(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	s.kill()
	files, _ := filepath.Glob(s.client.Dir() + "/state*.json")
	if len(files) != 2 {
		t.Fatalf("state files: %v", files)
	}
	// Written by a program of the future: nobody touches anything.
	version := regexp.MustCompile(`"version":\d+`)
	var was [2][]byte
	for i, f := range files {
		data, err := os.ReadFile(f)
		s.must(err)
		was[i] = version.ReplaceAll(data, []byte(`"version":99`))
		s.must(os.WriteFile(f, was[i], 0o600))
	}
	for _, c := range []string{"daemon", "cleanup", "show", "cleanup --force", "cleanup --all", "cleanup eth0"} {
		if out, err := s.tapbond(strings.Fields(c)...); err == nil || !strings.HasPrefix(c, "cleanup ") && !strings.Contains(out, "version 99") {
			t.Errorf("%s: %v %s", c, err, out)
		}
	}
	for i, f := range files {
		if data, err := os.ReadFile(f); err != nil || string(data) != string(was[i]) {
			t.Errorf("%s was changed: %v", f, err)
		}
	}
	if !s.filtered("eth0") || !s.filtered("eth1") || s.looks("bond0") == "" {
		t.Error("something was undone")
	}
	out, err := s.tapbond("cleanup", "--force", "eth0")
	if err != nil || !strings.Contains(out, "eth0: released, down; it has no permanent address and keeps "+lab.SlaveMAC(0).String()+"; its MTU stays 1500") {
		t.Errorf("eth0: %v %s", err, out)
	}
	if s.filtered("eth0") || !s.filtered("eth1") || strings.Contains(s.looks("eth0"), ",UP") {
		t.Errorf("eth0 alone: %s", s.looks("eth0"))
	}
	if out, err := s.tapbond("cleanup", "--force", "eth0"); err == nil || !strings.Contains(out, "no filter of ours") {
		t.Errorf("eth0 again: %v %s", err, out)
	}
	if out, err := s.tapbond("cleanup", "--force", "--all"); err != nil || !strings.Contains(out, "bond0: deleted") || !strings.Contains(out, "kept as state.json.broken.0") {
		t.Errorf("all: %v %s", err, out)
	}
	s.ip("link set eth1 address " + lab.SlaveMAC(1).String()) // a veth has no permanent address
	s.clean()
	// And by the record, one by one, where there is one.
	s.daemon()
	s.bond("mode active-backup miimon 100")
	s.kill()
	for _, name := range []string{"eth1", "bond0"} {
		if out, err := s.tapbond("cleanup", "--force", name); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	s.clean()
}

// What others did to the host while nobody ran is theirs.
func TestTheHostChangedWhileNobodyRan(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	// The MTU is followed, names and the active slave are.
	s.kill()
	for _, c := range []string{"link set bond0 mtu 1400", "link set eth0 down", "link set eth0 name wan0", "link set wan0 up"} {
		s.ip(c)
	}
	s.daemon()
	if st := s.state(); len(st.Slaves) != 2 || st.Slaves[0].Name != "wan0" {
		t.Errorf("%+v", st.Slaves)
	}
	for _, dev := range []string{"wan0", "eth1"} {
		if l := s.looks(dev); !strings.Contains(l, "mtu 1400") {
			t.Errorf("%s", l)
		}
	}
	// A slave is in a bridge, the other one's index is another device's.
	s.kill()
	s.ip("link add br0 type bridge")
	s.ip("link set eth1 master br0")
	info, err := s.lab.A.Handle.LinkByName("wan0")
	s.must(err)
	s.ip("link del wan0")
	s.ip(fmt.Sprintf("link add wan0 index %d type veth peer name wanpeer", info.Attrs().Index))
	s.ip("link set wan0 mtu 9000 up")
	was := s.looks("wan0")
	s.daemon()
	if st := s.state(); len(st.Slaves) != 0 {
		t.Errorf("slaves %+v", st.Slaves)
	}
	if l := s.looks("wan0"); l != was || s.filtered("wan0") {
		t.Errorf("the stranger was\n%sis\n%s", was, l)
	}
	if l := s.looks("eth1"); !strings.Contains(l, ",UP") || !strings.Contains(l, lab.SlaveMAC(1).String()) || !strings.Contains(l, "master br0") || s.filtered("eth1") {
		t.Errorf("in a bridge: %s", l)
	}
	// The bond is gone, and its NIC in use again.
	s.ip("link set eth1 nomaster")
	s.ip("link set eth1 down")
	s.do("enslave", "bond0", "eth1")
	s.kill()
	s.ip("link del bond0")
	s.ip("address add 192.0.2.1/24 dev eth1")
	if out, err := s.tapbond("show"); err != nil {
		t.Logf("show: %v %s", err, out)
	}
	if l := s.looks("eth1"); !strings.Contains(l, ",UP") || s.filtered("eth1") {
		t.Errorf("in use again: %s", l)
	}
}

// The run folder is removed under the daemon: it is there again, and the next process
// knows of the bond.
func TestRunFolderRemoved(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	for os.RemoveAll(s.client.Dir()) != nil { // the daemon may write there meanwhile
		s.must(t.Context().Err())
	}
	s.said("made again")
	if out, err := s.tapbond("show"); err != nil || !strings.Contains(out, "bond0") {
		t.Errorf("show: %v %s", err, out)
	}
	if out, err := s.tapbond("daemon"); err == nil {
		t.Errorf("a second daemon: %s", out)
	}
	s.must(os.Remove(s.client.Dir() + "/control.sock"))
	for deadline := time.Now().Add(10 * time.Second); s.client.Ping(t.Context()) != nil; pause(t, askAgain) {
		if time.Now().After(deadline) {
			t.Fatal("the socket is not there again")
		}
	}
	s.kill()
	// Somebody else's folder in its place is not used.
	aside := s.client.Dir() + ".aside"
	s.must(os.Rename(s.client.Dir(), aside))
	s.must(os.Mkdir(s.client.Dir(), 0o755))
	s.must(os.Chown(s.client.Dir(), 65534, 65534))
	for _, c := range []string{"daemon", "show", "cleanup"} {
		if out, err := s.tapbond(c); err == nil || !strings.Contains(out, "belongs to user 65534") {
			t.Errorf("%s in another user's folder: %v %s", c, err, out)
		}
	}
	s.must(os.Remove(s.client.Dir()))
	s.must(os.Rename(aside, s.client.Dir()))
	s.daemon()
	if st := s.state(); len(st.Slaves) != 2 || st.Active == "" {
		t.Errorf("%+v", st)
	}
	s.down()
	s.clean()
}
