package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

// Config describes a guest. The zero value is Debian's default kernel and no NIC.
type Config struct {
	// Kernel is a Debian package: a kernel's, or one that depends on the newest
	// of a series. DefaultKernel if empty.
	Kernel string
	// NICs are eth0, eth1, …
	NICs []NIC
	// Modules are loaded besides those that every guest has loaded.
	Modules []string
	// Withheld modules are missing in the guest, to imitate kernels without them.
	Withheld []string
	// Files are copied to the guest's /bin, with the libraries that they use.
	Files []string
	// Host is where NICs with an Interface are wired, and where QEMU runs. Nil
	// without such NICs.
	Host *lab.Host
	// Memory in MB, 384 if 0.
	Memory int
}

// NIC is a network card of the guest.
type NIC struct {
	Model string // QEMU's name: virtio-net-pci (if empty), e1000, e1000e, rtl8139, vmxnet3, pcnet, tulip, i82559c …
	MAC   string // 02:00:00:00:06:0N if empty
	// Segment joins NICs of the guest: those with equal numbers hear each other.
	Segment int
	// Interface is an interface of Config.Host that the NIC is wired to instead.
	Interface string
}

// NICs are count NICs of one model on one segment.
func NICs(model string, count int) []NIC {
	nics := make([]NIC, count)
	for i := range nics {
		nics[i].Model = model
	}
	return nics
}

// ErrHung says that a guest no longer answers, or has died: what it was to show
// is unknown. Another guest may do better.
var ErrHung = errors.New("the guest hangs")

// Limit bounds a command whose context has no deadline.
const Limit = 2 * time.Minute

// Guest is a virtual machine that takes commands.
type Guest struct {
	cfg   Config
	dir   string
	cmd   *exec.Cmd
	done  chan struct{} // closed when QEMU has ended
	wires []*wire
	qmp   *qmp

	mu   sync.Mutex // one command at a time
	conn net.Conn   // the guest's command console
	out  *bufio.Reader
	// owed are the answers that have not come.
	owed int
}

// Start boots a guest and returns when it takes commands.
func Start(ctx context.Context, cfg Config) (_ *Guest, err error) {
	if cfg.Memory == 0 {
		cfg.Memory = 384
	}
	k, err := openKernel(ctx, cfg.Kernel)
	if err != nil {
		return nil, err
	}
	g := &Guest{cfg: cfg, done: make(chan struct{})}
	if g.dir, err = os.MkdirTemp("", "tapbond-guest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Stop())
		}
	}()
	image := filepath.Join(g.dir, "initrd")
	if err := buildImage(ctx, image, k, cfg); err != nil {
		return nil, err
	}
	if err := g.wire(); err != nil {
		return nil, err
	}
	if err := g.launch(k, image); err != nil {
		return nil, err
	}
	boot, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	status, said, err := g.answer(boot)
	if err != nil || status != "ready" {
		return nil, fmt.Errorf("guest with %s: not ready (%s %s, %w): %s", k.name, status, said, errors.Join(err, ErrHung), g.lastWords())
	}
	return g, nil
}

// launch starts QEMU with a socket for the command console and one for QMP.
func (g *Guest) launch(k kernel, image string) error {
	conn, console, err := socketPair()
	if err != nil {
		return err
	}
	defer console.Close()
	g.conn, g.out = conn, bufio.NewReader(conn)
	control, monitor, err := socketPair()
	if err != nil {
		return err
	}
	defer monitor.Close()
	args := append(k.args(), "-initrd", image,
		"-accel", "tcg", "-smp", "1", "-m", fmt.Sprint(g.cfg.Memory), "-display", "none", "-no-reboot", "-nodefaults",
		"-serial", "file:"+filepath.Join(g.dir, "console"),
		"-chardev", "socket,id=commands,fd=3", "-serial", "chardev:commands",
		"-chardev", "socket,id=qmp,fd=4", "-mon", "chardev=qmp,mode=control")
	for i, n := range g.cfg.NICs {
		args = append(args, n.args(i)...)
	}
	g.cmd = exec.Command("qemu-system-x86_64", args...)
	said, err := os.Create(filepath.Join(g.dir, "qemu"))
	if err != nil {
		return err
	}
	defer said.Close()
	g.cmd.Stdout, g.cmd.Stderr = said, said
	g.cmd.ExtraFiles = []*os.File{console, monitor}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	start := g.cmd.Start
	if g.cfg.Host != nil {
		start = func() error { return g.cfg.Host.Do(g.cmd.Start) }
	}
	if err := start(); err != nil {
		g.cmd = nil
		control.Close()
		return err
	}
	go func() {
		_ = g.cmd.Wait() // its output says why, see Console
		close(g.done)
	}()
	g.qmp, err = newQMP(control)
	if err != nil {
		return fmt.Errorf("QEMU: %w: %s", err, tail(g.Console(), 400))
	}
	return nil
}

// Run runs a line of busybox's shell in the guest and returns its output. A status
// other than 0 is an error. If the context's deadline (Limit from now if it has
// none) passes, or the guest dies, the error is ErrHung.
func (g *Guest) Run(ctx context.Context, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	if strings.ContainsRune(line, '\n') {
		return "", errors.New("guest: a command is one line")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := io.WriteString(g.conn, line+"\n"); err != nil {
		return "", fmt.Errorf("guest: %s: %w: %w: %s", line, ErrHung, err, g.lastWords())
	}
	var status, said string
	var err error
	for g.owed++; g.owed > 0 && err == nil; g.owed-- {
		if status, said, err = g.answer(ctx); err != nil {
			return said, fmt.Errorf("guest: %s: %w: %w: %s", line, ErrHung, err, g.lastWords())
		}
	}
	if status != "0" {
		err = &StatusError{Line: line, Status: status, Output: said}
	}
	return said, err
}

// StatusError is a command's status other than 0.
type StatusError struct{ Line, Status, Output string }

func (e *StatusError) Error() string {
	return fmt.Sprintf("guest: %s: status %s: %s", e.Line, e.Status, tail(e.Output, 800))
}

// answer reads up to the line that ends a command's output. Requests that the
// command makes are carried out meanwhile.
func (g *Guest) answer(ctx context.Context) (status, said string, err error) {
	limit := time.Now().Add(Limit)
	if t, ok := ctx.Deadline(); ok {
		limit = t
	}
	if err := g.conn.SetReadDeadline(limit); err != nil {
		return "", "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = g.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var b strings.Builder
	for {
		line, err := g.out.ReadString('\n')
		if err != nil {
			return "", b.String() + line, err
		}
		line = strings.TrimRight(line, "\r\n")
		// A command's last line may lack its end.
		if before, rest, ok := strings.Cut(line, endMark); ok {
			return rest, b.String() + before, nil
		}
		if before, rest, ok := strings.Cut(line, requestMark); ok {
			b.WriteString(before)
			if _, err := io.WriteString(g.conn, g.request(strings.Fields(rest))+"\n"); err != nil {
				return "", b.String(), err
			}
			continue
		}
		b.WriteString(line + "\n")
	}
}

// Marks in the guest's output; init.sh writes them.
const (
	endMark     = "\x01="
	requestMark = "\x01?"
)

// Console is what the guest's kernel and QEMU have printed.
func (g *Guest) Console() string {
	kernel, _ := os.ReadFile(filepath.Join(g.dir, "console"))
	qemu, _ := os.ReadFile(filepath.Join(g.dir, "qemu"))
	return string(kernel) + string(qemu)
}

// lastWords are the end of what the console has, from a panic on if there is one.
func (g *Guest) lastWords() string {
	said := g.Console()
	if i := strings.Index(said, "Kernel panic"); i >= 0 {
		return said[i:min(len(said), i+800)]
	}
	return tail(said, 800)
}

// Stop ends the guest and removes all of it.
func (g *Guest) Stop() error {
	if g.cmd != nil {
		_ = unix.Kill(-g.cmd.Process.Pid, unix.SIGKILL)
		<-g.done
	}
	if g.qmp != nil {
		g.qmp.conn.Close()
	}
	if g.conn != nil {
		g.conn.Close()
	}
	var errs []error
	for _, w := range g.wires {
		errs = append(errs, w.remove())
	}
	return errors.Join(append(errs, os.RemoveAll(g.dir))...)
}

// socketPair returns two connected ends: ours, and a file for a child.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	own := os.NewFile(uintptr(fds[0]), "guest")
	defer own.Close()
	child := os.NewFile(uintptr(fds[1]), "guest")
	conn, err := net.FileConn(own)
	if err != nil {
		child.Close()
		return nil, nil, err
	}
	return conn, child, nil
}

func tail(s string, n int) string {
	if len(s) > n {
		s = s[len(s)-n:]
	}
	return strings.TrimSpace(s)
}
