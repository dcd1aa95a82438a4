package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/benchtest"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/internal/labtest"
)

// crashEnv makes the test binary build a lab and wait to be killed.
const crashEnv = "TAPBOND_LAB_CRASH"

func TestMain(m *testing.M) {
	if name := os.Getenv(crashEnv); name != "" {
		crash(name)
	}
	os.Exit(m.Run())
}

// crash builds a lab with a process in it and never takes it down.
func crash(name string) {
	l, err := lab.Build(context.Background(), lab.Topology{Name: name, Slaves: 2, Wire: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	p, err := l.Start(context.Background(), l.A, "sleep", []string{"1000"}, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("built", p.PID())
	select {}
}

// ping checks that the hosts reach each other, without duplicates.
func ping(t *testing.T, l *lab.Lab, count int) {
	t.Helper()
	for _, dst := range []traffic.PingConfig{{Dst: lab.AddrB4.Addr()}, {Dst: lab.AddrB6.Addr()}} {
		dst.From, dst.Count, dst.Interval, dst.Timeout = l.A, count, time.Millisecond, 500*time.Millisecond
		r, err := traffic.Ping(t.Context(), dst)
		if err != nil || r.Received != count || r.Duplicated != 0 || r.Corrupted != 0 {
			t.Errorf("ping %s: %s, %v", dst.Dst, r, err)
		}
	}
}

func TestBuild(t *testing.T) {
	for _, tt := range []lab.Topology{
		{Slaves: 2, Wire: true},
		{Slaves: 3, Wire: true},
		{Slaves: 2, Wire: true, NICLike: true},
		{Slaves: 3, Wire: true, NICLike: true, PeerOffloads: true},
		{Slaves: 2},
		{Slaves: 2, NICLike: true},
		{Slaves: 2, Wire: true, Switch: lab.NoSwitch},
		{Slaves: 2, NICLike: true, Switch: lab.NoSwitch},
		{Slaves: 3, Wire: true, Switch: lab.PerSlaveSwitch},
		{Slaves: 2, Wire: true, MTU: 9000},
	} {
		t.Run(fmt.Sprintf("slaves=%d wire=%t nic=%t switch=%s", tt.Slaves, tt.Wire, tt.NICLike, tt.Switch), func(t *testing.T) {
			l := benchtest.Addressed(t, tt)
			if got := len(l.Links()); got != tt.Slaves {
				t.Fatalf("%d links: want %d", got, tt.Slaves)
			}
			for i := range tt.Slaves {
				link, err := l.A.Handle.LinkByName(l.Link(i).Slave())
				if err != nil {
					t.Fatal(err)
				}
				a := link.Attrs()
				if (a.Index == a.ParentIndex) != tt.NICLike {
					t.Errorf("%s: index %d, peer's %d: equal should be %t", a.Name, a.Index, a.ParentIndex, tt.NICLike)
				}
				if a.HardwareAddr.String() != lab.SlaveMAC(i).String() {
					t.Errorf("%s: address %s: want %s", a.Name, a.HardwareAddr, lab.SlaveMAC(i))
				}
				if want := max(tt.MTU, lab.DefaultMTU); a.MTU != want {
					t.Errorf("%s: mtu %d: want %d", a.Name, a.MTU, want)
				}
			}
			ping(t, l, 10)
		})
	}
}

// Each slave, whichever switch it is on, reaches B.
func TestPerSlaveSwitchReachesB(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 3, Switch: lab.PerSlaveSwitch})
	for i := range 3 {
		slave := l.Link(i).Slave()
		if err := errors.Join(l.A.Up(slave), l.AssignBoth(slave, "eth0")); err != nil {
			t.Fatal(err)
		}
		// The switch lets frames in once its own work queue has seen the carrier.
		if err := l.AwaitSilence(t.Context(), 60*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		ping(t, l, 3)
		link, err := l.A.Handle.LinkByName(slave)
		if err == nil {
			err = l.A.Handle.LinkSetDown(link)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// With STP a port listens first.
func TestSTPHoldsFramesBack(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, STP: true})
	r, err := traffic.Ping(t.Context(), traffic.PingConfig{From: l.A, Dst: lab.AddrB4.Addr(), Timeout: 50 * time.Millisecond})
	if err != nil || r.Received != 0 {
		t.Errorf("ping right after the carrier: %s, %v: want it lost", r, err)
	}
}

func TestBuildInUse(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1})
	if _, err := lab.Build(t.Context(), l.Topology); !errors.Is(err, lab.ErrInUse) {
		t.Errorf("building it again: %v: want %v", err, lab.ErrInUse)
	}
	if err := lab.Remove(t.Context(), l.Topology.Name); !errors.Is(err, lab.ErrInUse) {
		t.Errorf("removing it: %v: want %v", err, lab.ErrInUse)
	}
	if err := lab.RemoveAll(t.Context(), l.Topology.Name); err != nil {
		t.Errorf("removing all that are not in use: %v", err)
	}
	ping(t, l, 1)
}

// A run that was killed leaves its namespaces and a process; the next one of
// that name takes them away.
func TestBuildAfterCrash(t *testing.T) {
	labtest.NeedRoot(t)
	name := benchtest.Name(t)
	pid := buildAndCrash(t, name)
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatalf("process %d did not outlive its parent: %v", pid, err)
	}
	names, err := lab.List()
	if err != nil || !slices.Contains(names, name) {
		t.Fatalf("labs %v, %v: want %s among them", names, err, name)
	}
	before := namespaces(t, name)
	benchtest.Addressed(t, lab.Topology{Slaves: 1})
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) && !zombie(pid) {
		t.Errorf("process %d of the killed run is still there: %v", pid, err)
	}
	for path, inode := range namespaces(t, name) {
		if before[path] == inode {
			t.Errorf("%s is still the killed run's", path)
		}
	}
}

func TestRemoveAfterCrash(t *testing.T) {
	labtest.NeedRoot(t)
	name := benchtest.Name(t)
	buildAndCrash(t, name)
	if err := lab.RemoveAll(t.Context(), name[:len(name)-1]); err != nil {
		t.Fatal(err)
	}
	if left := namespaces(t, name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := lab.Remove(t.Context(), name); err != nil {
		t.Errorf("removing nothing: %v", err)
	}
}

// buildAndCrash returns the id of the process inside the abandoned lab.
func buildAndCrash(t *testing.T, name string) (pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "built %d", &pid); err != nil {
		t.Errorf("child said %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	cmd.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return pid
}

// zombie reports whether a process has ended and only waits to be reaped.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// namespaces are the inodes of a lab's namespaces.
func namespaces(t *testing.T, name string) map[string]uint64 {
	t.Helper()
	paths, err := filepath.Glob("/run/netns/tblab." + name + ".*")
	if err != nil {
		t.Fatal(err)
	}
	inodes := make(map[string]uint64)
	for _, p := range paths {
		var st unix.Stat_t
		if err := unix.Stat(p, &st); err != nil {
			t.Fatal(err)
		}
		inodes[p] = st.Ino
	}
	return inodes
}

func TestOpen(t *testing.T) {
	built := benchtest.Addressed(t, lab.Topology{Slaves: 2, Wire: true, NICLike: true})
	l, err := lab.Open(built.Topology.Name)
	if err != nil {
		t.Fatal(err)
	}
	if l.Topology != built.Topology {
		t.Errorf("opened %+v: want %+v", l.Topology, built.Topology)
	}
	ping(t, l, 1)
	if _, err := l.Link(1).Carrier(false); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	ping(t, built, 1) // closing an opened lab leaves it
}

func TestOpenMissing(t *testing.T) {
	if _, err := lab.Open("nobody-built-this"); err == nil {
		t.Error("opened a lab that is not there")
	}
}

func TestKeep(t *testing.T) {
	labtest.NeedRoot(t)
	name := benchtest.Name(t)
	l, err := lab.Build(t.Context(), lab.Topology{Name: name, Slaves: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Remove(context.Background(), name)
	l.Keep()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if len(namespaces(t, name)) == 0 {
		t.Error("a kept lab is gone")
	}
	if err := lab.Remove(t.Context(), name); err != nil {
		t.Error(err)
	}
	if left := namespaces(t, name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
