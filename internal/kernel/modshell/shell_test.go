package modshell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modparam"
)

// fake is a daemon, a kernel and installed commands that note what they are
// asked.
type fake struct {
	t       *testing.T
	serving bool
	loaded  bool
	bonds   []string
	dies    bool // the daemon, of the next request to unload
	follows bool // another one does
	refuse  error
	kernel  KernelModule
	calls   []string
	root    string
	list    string // of the installed lsmod
}

func newFake(t *testing.T) *fake { return &fake{t: t, serving: true, root: t.TempDir()} }

func (f *fake) call(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fake) LoadModule(_ context.Context, req control.ModuleRequest) (control.ModuleAnswer, error) {
	if !f.serving {
		return control.ModuleAnswer{}, control.ErrNoServer
	}
	line := "load " + text(req.Parameters)
	for name, params := range req.Of {
		line += "; " + name + ": " + text(params)
	}
	f.call("%s", line)
	if f.loaded {
		return control.ModuleAnswer{}, &control.Error{Message: "file exists", Errno: unix.EEXIST}
	}
	m, err := modparam.Check(req.Parameters)
	var no *modparam.Error
	if errors.As(err, &no) {
		return control.ModuleAnswer{}, &control.Error{Message: no.Error(), Errno: no.Errno, Log: []string{no.Reason()}}
	}
	if f.refuse != nil {
		return control.ModuleAnswer{}, f.refuse
	}
	f.loaded = true
	var got control.ModuleAnswer
	for i := range m.Bonds {
		got.Bonds = append(got.Bonds, fmt.Sprint("bond", i))
	}
	for _, l := range m.Log {
		got.Log = append(got.Log, control.LogLine{Level: slog.Level(l.Level), Text: l.Text})
	}
	return got, nil
}

func (f *fake) UnloadModule(context.Context) error {
	if f.dies {
		f.call("die")
		f.dies, f.serving = false, false
	}
	switch {
	case !f.serving:
		return control.ErrNoServer
	case !f.loaded:
		return &control.Error{Message: "not loaded", Errno: unix.ENOENT}
	}
	f.call("unload")
	f.loaded = false
	return nil
}

func (f *fake) Module(context.Context) (bond.ModuleState, error) {
	if !f.serving {
		return bond.ModuleState{}, control.ErrNoServer
	}
	return bond.ModuleState{Loaded: f.loaded}, nil
}

func (f *fake) Bond(_ context.Context, name string) (bond.State, error) {
	for _, b := range f.bonds {
		if b == name {
			return bond.State{Name: name}, nil
		}
	}
	return bond.State{}, &control.Error{Message: "no", Errno: unix.ENODEV}
}

func (f *fake) Create(_ context.Context, req control.CreateRequest) (string, error) {
	f.call("create %s %s", req.Name, text(req.Parameters))
	return req.Name, nil
}

func (f *fake) conf(lines string) {
	f.t.Helper()
	dir := filepath.Join(f.root, "etc/modprobe.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.conf"), []byte(lines), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// run returns the status and what was said, and done, each since the last run.
func (f *fake) run(command string) (status int, said string, calls []string) {
	f.calls = nil
	var out bytes.Buffer
	s := Shell{
		Stdout: &out, Stderr: &out, Root: f.root,
		Connect: func(context.Context) (Client, error) {
			f.serving = f.serving || f.follows // as where a killed one has left its state
			return f, nil
		},
		Start: func(context.Context) error {
			f.call("start")
			f.serving = true
			return nil
		},
		Real: func(name string, args []string) int {
			f.call("real %s %s", name, strings.Join(args, " "))
			return 42
		},
		Output: func(string) (string, error) {
			if f.list == "" {
				return "", errors.New("exit status 1")
			}
			return f.list, nil
		},
		Kernel: func() KernelModule { return f.kernel },
	}
	words := strings.Fields(command)
	status = s.Run(f.t.Context(), words[0], words[1:])
	return status, strings.ReplaceAll(out.String(), f.root, ""), f.calls
}

func (f *fake) want(command string, status int, said string, calls ...string) {
	f.t.Helper()
	gotStatus, gotSaid, gotCalls := f.run(command)
	if gotStatus != status || gotSaid != said || cmp.Diff(calls, gotCalls) != "" {
		f.t.Errorf("%s: status %d, want %d\nsaid %q\nwant %q\ncalls (-want +got):\n%s", command, gotStatus, status, gotSaid, said, cmp.Diff(calls, gotCalls))
	}
}

func TestOthersModulesAreTheInstalledCommands(t *testing.T) {
	f := newFake(t)
	f.conf("alias bond0 bonding\n")
	for _, command := range []string{
		"modprobe e1000e IntMode=1", "modprobe -r e1000e", "modprobe -a veth tun", "modprobe", "modprobe -c", "modprobe -V", "modprobe -h",
		"modprobe --frob bonding", "modprobe -C", "insmod", "insmod /lib/e1000.ko", "insmod -h", "rmmod", "rmmod -f e1000", "rmmod -V",
	} {
		name, args, _ := strings.Cut(command, " ")
		f.want(command, 42, "", "real "+name+" "+args)
	}
	// Some of each.
	f.want("modprobe -qa bond0 veth tun", 42, "", "load ", "real modprobe -qa veth tun")
	f.want("modprobe -r bonding veth", 42, "", "unload", "real modprobe -r veth")
	f.loaded = true
	f.want("rmmod -v veth bonding", 42, "", "unload", "real rmmod -v veth")
}

func TestModprobe(t *testing.T) {
	f := newFake(t)
	f.serving = false
	f.conf("alias bond0 bonding\nalias bond1 bonding\noptions bonding miimon=100\noptions bond1 mode=4\n")
	f.want("modprobe -r bonding", 0, "")
	if os.Geteuid() == 0 {
		f.want("modprobe bonding mode=1 max_bonds=2", 0, "", "start", "load miimon=100 mode=1 max_bonds=2; bond1: miimon=100 mode=4 mode=1 max_bonds=2")
	}
	f.serving, f.loaded = true, true
	f.want("modprobe bonding mode=1", 0, "", "load miimon=100 mode=1; bond1: miimon=100 mode=4 mode=1")
	f.want("modprobe -v bonding", 0, "modprobe: bonding is loaded already, or there is a bond, which means the same: nothing is made and no parameter changes (`modprobe -r bonding` removes all bonds)\n", "load miimon=100; bond1: miimon=100 mode=4")
	f.bonds = []string{"bond0"}
	f.want("modprobe bond0", 0, "", "load miimon=100; bond1: miimon=100 mode=4")
	f.want("modprobe bond1", 0, "", "load miimon=100 mode=4", "create bond1 miimon=100 mode=4")
	f.want("modprobe -o bond2 bonding mode=1", 0, "", "load miimon=100 mode=1; bond1: miimon=100 mode=4 mode=1", "create bond2 miimon=100 mode=1")
	f.want("modprobe --remove --verb bond0", 0, "rmmod bonding\n", "unload")
	f.want("modprobe -n -r -v bonding", 0, "rmmod bonding\n")
	f.want("modprobe bond1", 0, "", "load miimon=100 mode=4", "create bond1 miimon=100 mode=4")
	f.loaded = false
	f.want("modprobe bond1 max_bonds=2", 0, "", "load miimon=100 mode=4 max_bonds=2")
	f.loaded = false
	f.want("modprobe --show-depends bond1", 0, "insmod bonding.ko miimon=100 mode=4\n")
	f.want("modprobe -n bonding mode=9", 1, "modprobe: ERROR: could not insert 'bonding': Invalid argument\nbonding: Error: Invalid bonding mode \"9\"\n")
	f.refuse = &control.Error{Message: "bond0: OpenTAP: no such device", Errno: unix.ENODEV}
	f.want("modprobe bonding", 1, "modprobe: ERROR: could not insert 'bonding': No such device\nbonding: bond0: OpenTAP: no such device\n", "load miimon=100; bond1: miimon=100 mode=4")
	f.refuse = os.ErrPermission
	f.want("insmod bonding.ko.xz mode=1", 1, "insmod: ERROR: could not insert module bonding.ko.xz: Operation not permitted\n", "load mode=1")
}

// Warnings are shown: here is no kernel log to look into.
func TestWarnings(t *testing.T) {
	f := newFake(t)
	const warnings = "bonding: unknown parameter 'mdoe' ignored\nbonding: Warning: miimon module parameter (-1), not in range 0-2147483647, so it was reset to 0\n"
	f.want("modprobe bonding mdoe=1 miimon=-1 xmit_hash_policy=1", 0, warnings, "load mdoe=1 miimon=-1 xmit_hash_policy=1")
	f.loaded = false
	f.want("modprobe -q bonding mdoe=1 miimon=-1", 0, "", "load mdoe=1 miimon=-1")
}

func TestBlacklist(t *testing.T) {
	f := newFake(t)
	f.conf("blacklist bonding\nalias bond0 bonding\n")
	f.want("modprobe bond0", 0, "modprobe: /etc/modprobe.d/b.conf:1: blacklist bonding: not loaded for bond0; `modprobe bonding` loads it\n")
	f.want("modprobe -b -q bonding", 0, "")
	f.want("modprobe bonding", 0, "", "load ")
}

func TestBesideTheKernelsModule(t *testing.T) {
	f := newFake(t)
	f.kernel = KernelModule{Loaded: true}
	f.want("modprobe bonding", 0, "modprobe: the kernel's own bonding module is loaded too; bonds made from here are tapbond's (/sbin/rmmod bonding unloads the other)\n", "load ")
	f.want("rmmod bonding", 0, "", "unload")
	// Ours isn't loaded: the kernel's is meant.
	f.want("rmmod bonding", 42, "", "real rmmod bonding")
	f.want("modprobe -r bonding", 42, "", "real modprobe -r bonding")
	f.kernel.Bonds = []string{"bond0", "bond1"}
	f.want("modprobe bonding", 1, "modprobe: ERROR: could not insert 'bonding': the kernel's own module is loaded and has bond0, bond1 here; go on with the system's commands, or unload it first: /sbin/rmmod bonding\n")
	f.want("insmod bonding.ko", 1, "insmod: ERROR: could not insert 'bonding': the kernel's own module is loaded and has bond0, bond1 here; go on with the system's commands, or unload it first: /sbin/rmmod bonding\n")
}

func TestConfigFlag(t *testing.T) {
	f := newFake(t)
	f.conf("options bonding mode=5\n")
	other := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(other, []byte("options bonding mode=6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.want("modprobe -D bonding", 0, "insmod bonding.ko mode=5\n")
	for _, flag := range []string{"-C ", "-C", "--config=", "--config "} {
		f.want("modprobe "+flag+other+" -D bonding", 0, "insmod bonding.ko mode=6\n")
	}
	f.want("modprobe -C /nowhere bonding", 1, "modprobe: ERROR: stat /nowhere: no such file or directory\n")
	// What is wrong there is no other module's business.
	f.conf("options bonding\n")
	f.want("modprobe veth", 42, "", "real modprobe veth")
	f.want("modprobe bonding", 1, "modprobe: ERROR: /etc/modprobe.d/b.conf:1: options bonding: no options follow\n")
}

// A daemon that is killed while it unloads the module is followed by another.
func TestUnloadOutlivesTheDaemon(t *testing.T) {
	for _, command := range []string{"rmmod bonding", "modprobe -r bonding"} {
		f := newFake(t)
		f.loaded, f.dies, f.follows = true, true, true
		f.want(command, 0, "", "die", "unload")
	}
	f := newFake(t)
	f.loaded, f.dies = true, true
	f.want("rmmod bonding", 1, "rmmod: ERROR: Module bonding is not currently loaded\n", "die")
}
