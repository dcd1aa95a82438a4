package peers

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

//go:embed init.sh
var initScript []byte

//go:embed c/xstate.c
var xstateSource []byte

// Modules is where Debian's user-mode-linux keeps its modules.
const Modules = "/usr/lib/uml/modules"

// Kernel is a User-Mode Linux guest with the bonding driver. Its NICs eth0,
// eth1, … are wired to interfaces of a host.
type Kernel struct {
	cmd     *lab.Cmd
	dir     string
	console *os.File // what the guest's kernel says
	done    chan struct{}

	mu  sync.Mutex
	in  *os.File
	out *bufio.Reader
	raw *os.File
	// owed are the answers that have not come.
	owed int
}

// StartKernel boots a guest. The interfaces of the host should be up and have
// nothing else on them. It returns when the guest takes commands, or with an
// error that has the last it said.
func StartKernel(ctx context.Context, host *lab.Host, interfaces ...string) (_ *Kernel, err error) {
	binary, err := exec.LookPath("linux.uml")
	if err != nil {
		return nil, err
	}
	k := &Kernel{done: make(chan struct{})}
	if k.dir, err = os.MkdirTemp("", "tapbond-uml-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Stop())
		}
	}()
	init := filepath.Join(k.dir, "init")
	if err := os.WriteFile(init, initScript, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(k.dir, "in.bpf"), receivedOnly(), 0o644); err != nil {
		return nil, err
	}
	if k.console, err = os.Create(filepath.Join(k.dir, "console")); err != nil {
		return nil, err
	}
	args := []string{
		"umid=guest", "uml_dir=" + k.dir + "/", "mem=96M", "quiet",
		"root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "init=" + init,
		"TAPBOND_NICS=" + strconv.Itoa(len(interfaces)), "TAPBOND_MODULES=" + Modules,
		"con=null", "con0=null,fd:1", "ssl=null", "ssl0=fd:3,fd:4",
	}
	for i, name := range interfaces {
		if err := promiscuous(host, name); err != nil {
			return nil, err
		}
		args = append(args, fmt.Sprintf("vec%d:transport=raw,ifname=%s,bpffile=%s/in.bpf,depth=128", i, name, k.dir))
	}
	if err := k.start(host, binary, args); err != nil {
		return nil, err
	}
	if status, _, err := k.answer(ctx); err != nil || status != "ready" {
		said, _ := os.ReadFile(k.console.Name())
		return nil, fmt.Errorf("linux.uml: not ready (%q, %w): %s", status, err, tail(string(said), 800))
	}
	return k, nil
}

// start runs the guest's program with pipes for its command console.
func (k *Kernel) start(host *lab.Host, binary string, args []string) error {
	guestIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer guestIn.Close()
	k.in = in
	out, guestOut, err := os.Pipe()
	if err != nil {
		return err
	}
	defer guestOut.Close()
	k.raw, k.out = out, bufio.NewReader(out)
	k.cmd = host.Command(context.Background(), binary, args...)
	k.cmd.Dir = k.dir
	preload, err := k.preload()
	if err != nil {
		k.cmd = nil
		return err
	}
	k.cmd.Env = append(os.Environ(), preload...)
	k.cmd.Stdout, k.cmd.Stderr = k.console, k.console
	k.cmd.ExtraFiles = []*os.File{guestIn, guestOut}
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := k.cmd.Start(); err != nil {
		k.cmd = nil
		return err
	}
	go func() {
		_ = k.cmd.Wait() // how it ends is nobody's concern
		close(k.done)
	}()
	return nil
}

// preload builds what the guest needs on a processor with AMX, and returns how
// to have it loaded.
func (k *Kernel) preload() ([]string, error) {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !strings.Contains(string(cpu), "amx_tile") {
		return nil, err
	}
	source, library := filepath.Join(k.dir, "xstate.c"), filepath.Join(k.dir, "xstate.so")
	if err := os.WriteFile(source, xstateSource, 0o644); err != nil {
		return nil, err
	}
	if out, err := exec.Command("gcc", "-O2", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gcc xstate.c: %w: %s", err, out)
	}
	return []string{"LD_PRELOAD=" + library}, nil
}

// Run runs a command line of bash in the guest and returns what it printed. A
// status other than 0 is an error. The context's deadline, two minutes if it has
// none, bounds the wait: os.ErrDeadlineExceeded.
func (k *Kernel) Run(ctx context.Context, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	if strings.ContainsRune(line, '\n') {
		return "", errors.New("guest: a command is one line")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := io.WriteString(k.in, line+"\n"); err != nil {
		return "", fmt.Errorf("guest: %w", err)
	}
	status, said, err := k.next(ctx)
	if err == nil && status != "0" {
		err = fmt.Errorf("status %s: %s", status, tail(said, 400))
	}
	if err != nil {
		return said, fmt.Errorf("guest: %s: %w", line, err)
	}
	return said, nil
}

// next reads the answer to the command just given, past those to commands that
// were given up.
func (k *Kernel) next(ctx context.Context) (status, said string, err error) {
	for k.owed++; k.owed > 0; k.owed-- {
		if status, said, err = k.answer(ctx); err != nil {
			return status, said, err
		}
	}
	return status, said, nil
}

// answer reads up to the line that ends a command's output.
func (k *Kernel) answer(ctx context.Context) (status, said string, err error) {
	limit := time.Now().Add(2 * time.Minute)
	if t, ok := ctx.Deadline(); ok && t.Before(limit) {
		limit = t
	}
	if err := k.raw.SetReadDeadline(limit); err != nil {
		return "", "", err
	}
	var b strings.Builder
	for {
		line, err := k.out.ReadString('\n')
		if err != nil {
			return "", b.String(), err
		}
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, "= "); ok {
			return rest, b.String(), nil
		}
		b.WriteString(line + "\n")
	}
}

// Cable plugs the cable of the guest's NIC in or out, as the guest sees it.
func (k *Kernel) Cable(ctx context.Context, nic int, up bool) error {
	way := "down"
	if up {
		way = "up"
	}
	_, err := k.Run(ctx, "ip link set x%d %s", nic, way)
	return err
}

// Stop ends the guest.
func (k *Kernel) Stop() error {
	if k.cmd != nil {
		_ = unix.Kill(-k.cmd.Process.Pid, unix.SIGKILL)
		<-k.done
	}
	for _, f := range []*os.File{k.in, k.raw, k.console} {
		if f != nil {
			f.Close()
		}
	}
	return os.RemoveAll(k.dir)
}

// promiscuous sets an interface up to hear everything.
func promiscuous(host *lab.Host, name string) error {
	link, err := host.Handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s %s: %w", host.Name, name, err)
	}
	return errors.Join(host.Handle.LinkSetUp(link), host.Handle.SetPromiscOn(link))
}

func tail(s string, n int) string {
	if len(s) > n {
		s = s[len(s)-n:]
	}
	return strings.TrimSpace(s)
}
