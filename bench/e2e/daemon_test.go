package e2e

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// served is a lab whose host A has a daemon.
type served struct {
	bed
	client *control.Client
}

// serve builds the lab and starts `tapbond daemon ARGS` in A.
func serve(t *testing.T, topology lab.Topology, args ...string) *served {
	t.Helper()
	s := &served{bed: *newBed(t, topology)}
	s.must(s.lab.A.QuietIPv6())
	s.must(s.lab.A.Do(func() (err error) {
		s.client, err = control.NewClient()
		return err
	}))
	s.daemon(args...)
	return s
}

// daemon starts one and waits until it serves.
func (s *served) daemon(args ...string) {
	s.t.Helper()
	var err error
	s.proc, err = s.lab.Start(context.Background(), s.lab.A, binary, append([]string{"daemon"}, args...), nil)
	s.must(err)
	s.said("serving")
}

// bond makes bond0 of all slaves, up and addressed.
func (s *served) bond(options string) {
	s.t.Helper()
	assigns, _, err := option.ParseWords(strings.Fields(options))
	s.must(err)
	s.enslaved(assigns)
	s.must(s.lab.AssignBoth("bond0", "eth0"))
	s.must(s.lab.AwaitSilence(s.t.Context(), 100*time.Millisecond))
}

// enslaved makes bond0 of all slaves, up.
func (s *served) enslaved(assigns []option.Assign) {
	s.t.Helper()
	_, err := s.client.Create(s.t.Context(), control.CreateRequest{Name: "bond0", Options: assigns})
	s.must(err)
	for _, k := range s.lab.Links() {
		s.must(s.client.Enslave(s.t.Context(), "bond0", k.Slave()))
	}
	s.must(s.lab.A.Command(s.t.Context(), "ip", "link", "set", "bond0", "up").Run())
	s.must(s.client.Sync(s.t.Context()))
}

// kill ends the daemon without a chance to undo anything.
func (s *served) kill() {
	s.t.Helper()
	// A command that finds its daemon gone starts another one: until there is
	// nobody left.
	for deadline := time.Now().Add(10 * time.Second); ; pause(s.t, time.Millisecond) {
		pids, err := s.lab.A.Processes()
		s.must(err)
		if len(pids) == 0 {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("processes %v can't be killed", pids)
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				s.t.Fatal(err)
			}
		}
	}
	<-s.proc.Done()
}

// down ends the daemon in order.
func (s *served) down() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.proc.Stop(ctx); err != nil {
		s.t.Errorf("daemon: %v\n%s", err, s.proc.Output())
	}
}

// clean fails unless host A is as it was before the bond.
func (s *served) clean() {
	s.t.Helper()
	if _, err := s.lab.A.Stats("bond0"); err == nil {
		s.t.Error("bond0 is left behind")
	}
	for _, k := range s.lab.Links() {
		l, err := s.lab.A.Handle.LinkByName(k.Slave())
		s.must(err)
		if a := l.Attrs(); a.HardwareAddr.String() != lab.SlaveMAC(k.Index()).String() || a.RawFlags&unix.IFF_UP != 0 || a.Promisc != 0 {
			s.t.Errorf("%s is left with address %s, flags %s, promisc %d", a.Name, a.HardwareAddr, a.Flags, a.Promisc)
		}
		out, err := s.lab.A.Command(s.t.Context(), "tc", "qdisc", "show", "dev", k.Slave()).CombinedOutput()
		if err != nil || strings.Contains(string(out), "clsact") {
			s.t.Errorf("%s: filters are left: %v %s", k.Slave(), err, out)
		}
		v6, err := s.sysctl("net/ipv6/conf/" + k.Slave() + "/disable_ipv6")
		if err == nil && v6 != "0" && v6 != s.quiet() {
			s.t.Errorf("%s: disable_ipv6 is %s", k.Slave(), v6)
		}
	}
}

func (s *served) sysctl(path string) (string, error) {
	out, err := s.lab.A.Command(s.t.Context(), "cat", "/proc/sys/"+path).Output()
	return strings.TrimSpace(string(out)), err
}

// quiet is what disable_ipv6 is in A for links that nobody touched.
func (s *served) quiet() string {
	v, _ := s.sysctl("net/ipv6/conf/default/disable_ipv6")
	return v
}

// A TCP connection outlives the daemon, however the next one comes.
func TestKilledUnderTCP(t *testing.T) {
	for how, c := range map[string]struct {
		again   func(*served)
		express string
	}{
		"by hand":                  {func(s *served) { s.daemon() }, "off"},
		"by the next command":      {func(s *served) { s.do("show", "bond0") }, "off"},
		"with the express lane on": {func(s *served) { s.daemon() }, "on"},
	} {
		t.Run(how, func(t *testing.T) {
			s := serve(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true})
			s.bond("mode active-backup miimon 100 num_grat_arp 2 express " + c.express)
			s.do("set", "bond0", "active_slave", "eth1")
			was := s.state()

			streamed := make(chan error, 1)
			out := int64(600 << 20) // it must outlast the kill
			if labtest.RaceEnabled {
				out = 200 << 20
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			go func() {
				_, err := traffic.TCPStream(ctx, traffic.TCPConfig{From: s.lab.A, To: s.lab.B, Listen: netip.AddrPortFrom(ends[0][1], 0), Out: out, Back: 1 << 20})
				streamed <- err
			}()
			s.until("the stream runs", func(st bond.State) bool { return st.Traffic.TxOctets > 20<<20 })
			s.kill()
			began := time.Now()
			c.again(s)
			s.must(s.pingOnce(ctx))
			took := time.Since(began)
			t.Logf("from exec to the first answer through the bond: %v", took)
			if took > pick(3*time.Second, 300*time.Millisecond) { // built with the race detector, and beside others, unless in a soak
				t.Errorf("from exec to the first answer: %v", took)
			}
			if err := <-streamed; err != nil {
				t.Errorf("the stream: %v", err)
			}
			is := s.state()
			if is.Active != "eth1" || !is.ActiveAt.Equal(was.ActiveAt) || is.Failovers != was.Failovers || is.MAC != was.MAC {
				t.Errorf("was %+v\nis %+v", was, is)
			}
			for name, v := range was.Settings {
				if is.Settings[name] != v {
					t.Errorf("%s was %s, is %s", name, v, is.Settings[name])
				}
			}
			for i, sl := range is.Slaves {
				if sl.PermMAC != was.Slaves[i].PermMAC || sl.State != was.Slaves[i].State {
					t.Errorf("slave was %+v, is %+v", was.Slaves[i], sl)
				}
			}
			s.must(s.client.Delete(t.Context(), "bond0"))
			s.clean()
		})
	}
}

// pingOnce returns when an echo request through the bond has been answered.
func (s *served) pingOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		out, err := s.lab.A.Command(ctx, "ping", "-c", "1", "-W", "0.1", ends[0][1].String()).CombinedOutput()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.New(string(out))
		}
	}
}

func TestCleanupInsteadOfADaemon(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode balance-xor miimon 100 express on")
	if out, err := s.tapbond("cleanup"); err == nil {
		t.Errorf("cleanup beside a daemon: %s", out)
	}
	s.kill()
	out, err := s.tapbond("cleanup")
	if err != nil || !strings.Contains(out, "bond0: undone") {
		t.Errorf("cleanup: %v\n%s", err, out)
	}
	s.clean()
	if out, err := s.tapbond("cleanup"); err != nil || !strings.Contains(out, "nothing to undo") {
		t.Errorf("cleanup again: %v\n%s", err, out)
	}
}

func TestSIGTERM(t *testing.T) {
	t.Parallel()
	t.Run("undoes", func(t *testing.T) {
		waits(t)
		s := serve(t, lab.Topology{Slaves: 2})
		s.bond("mode active-backup miimon 100")
		s.down()
		s.clean()
	})
	t.Run("keeps", func(t *testing.T) {
		waits(t)
		s := serve(t, lab.Topology{Slaves: 2}, "--keep")
		s.bond("mode active-backup miimon 100")
		s.down()
		if _, err := s.lab.A.Stats("bond0"); err != nil {
			t.Errorf("bond0 is gone: %v", err)
		}
		s.daemon()
		if st := s.state(); len(st.Slaves) != 2 || !st.Carrier {
			t.Errorf("after the restart: %+v", st)
		}
		s.must(s.pingOnce(t.Context()))
		s.down()
		s.clean()
	})
}

func TestSecondDaemonIsRefused(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 1})
	if out, err := s.tapbond("daemon"); err == nil || out != "tapbond: another tapbond serves this network namespace\n" {
		t.Errorf("%v: %q", err, out)
	}
	if err := s.client.Ping(t.Context()); err != nil {
		t.Errorf("the first one: %v", err)
	}
	s.down()
}

func TestATransientDaemonEndsWithItsLastBond(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2}, "--transient")
	s.bond("mode balance-rr miimon 100")
	s.must(s.client.Delete(t.Context(), "bond0"))
	select {
	case <-s.proc.Done():
	case <-time.After(10 * time.Second):
		t.Error("it stays")
	}
	s.clean()
	left, _ := filepath.Glob(s.client.Dir() + "/*")
	if len(left) != 1 || filepath.Base(left[0]) != "events.jsonl" {
		t.Errorf("left behind: %v", left)
	}
	out, err := s.tapbond("events", "bond0", "-n", "1")
	if err != nil || !strings.Contains(out, "bond0: is being deleted...") {
		t.Errorf("what it leaves to read: %v %q", err, out)
	}
}

// A daemon must not keep a deleted namespace, and the NICs in it, alive.
func TestNamespaceDeletedUnderTheDaemon(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	if out, err := exec.Command("ip", "netns", "del", s.lab.A.Name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	select {
	case <-s.proc.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the daemon goes on")
	}
	if err := s.proc.Wait(t.Context()); err != nil {
		t.Errorf("%v\n%s", err, s.proc.Output())
	}
}

// Whatever became of the state file, the daemon starts, says so, and touches
// nothing that it can't know.
func TestBrokenStateFiles(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	s.kill()
	files, _ := filepath.Glob(s.client.Dir() + "/state*.json")
	if len(files) != 2 {
		t.Fatalf("state files: %v", files)
	}
	// One broken: nothing is missing.
	s.must(os.Truncate(files[0], 100))
	s.daemon()
	s.said("kept as")
	if st := s.state(); len(st.Slaves) != 2 || st.Active == "" {
		t.Errorf("with one good copy: %+v", st)
	}
	s.kill()
	// Both broken: they are kept, and so is the bond's TAP.
	for _, f := range files {
		s.must(os.Truncate(f, 100))
	}
	s.daemon()
	s.said("kept as")
	if bonds, err := s.client.Bonds(t.Context()); err != nil || len(bonds) > 0 {
		t.Errorf("bonds out of nothing: %v %v", bonds, err)
	}
	if _, err := s.lab.A.Stats("bond0"); err != nil {
		t.Errorf("bond0 was touched: %v", err)
	}
	if _, err := s.client.Create(t.Context(), control.CreateRequest{Name: "bond0"}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second bond0: %v", err)
	}
	kept, _ := filepath.Glob(s.client.Dir() + "/*.broken.*")
	if len(kept) != 3 {
		t.Errorf("kept: %v", kept)
	}
	s.down()
}

// Killed at any moment of a bond's life, on real interfaces: cleanup leaves the
// host as it was, and after a takeover so does an end in order.
func TestKilledAnywhere(t *testing.T) {
	waits(t)
	s := serve(t, lab.Topology{Slaves: 2})
	life := "link add bond0 type bond mode active-backup miimon 100\nlink set eth0 master bond0\nlink set eth1 master bond0\n" +
		"link set bond0 up\nlink set bond0 type bond active_slave eth1\nlink set eth0 nomaster\nlink set eth0 master bond0\nlink del bond0\n"
	for i := range pick(14, 60) {
		cmd := s.lab.A.Command(t.Context(), binary, "ip", "-batch", "-")
		cmd.Stdin = strings.NewReader(life)
		s.must(cmd.Start())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(time.Duration(i*pick(25, 5)) * time.Millisecond):
		}
		s.kill() // the batch too
		<-ended
		if i%2 == 0 {
			if out, err := s.tapbond("cleanup"); err != nil {
				t.Fatalf("round %d: %v %s", i, err, out)
			}
		} else {
			s.daemon()
			if err := s.client.Delete(t.Context(), "bond0"); err != nil && !errors.Is(err, unix.ENODEV) {
				t.Fatalf("round %d: %v", i, err)
			}
			s.down()
		}
		s.clean()
		if t.Failed() {
			t.Fatalf("round %d\n%s", i, s.proc.Output())
		}
		s.daemon()
	}
	s.down()
}
