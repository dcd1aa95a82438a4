package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/rundir"
	"github.com/tapbond/tapbond/internal/statefile"
)

// readyVar names the descriptor on which a starting daemon tells its starter
// how it went.
const readyVar = "TAPBOND_READY_FD"

// startTimeout bounds the start of a daemon.
const startTimeout = 10 * time.Second

// Connect returns a client of the daemon of the namespace the calling thread is
// in. One that ended without undoing its bonds is started again first, and one that
// does not answer is a HungError.
func Connect(ctx context.Context) (*control.Client, error) {
	c, err := control.NewClient()
	if err != nil {
		return nil, err
	}
	err = c.Ping(ctx)
	var hung *control.HungError
	switch {
	case errors.As(err, &hung):
		return nil, err // no use in asking it for more
	case errors.Is(err, control.ErrNoServer) && statefile.Exists(c.Dir()):
		if err := Start(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Start has a daemon serve the namespace the calling thread is in, one that
// ends with its last bond, and returns when it answers: as a transient unit
// where systemd runs, else in a session of its own. That another one was
// faster is no error.
func Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c, err := control.NewClient()
	if err != nil {
		return err
	}
	for {
		if err := startOne(ctx); err != nil {
			return err
		}
		err := c.Ping(ctx)
		if !errors.Is(err, control.ErrNoServer) {
			return err
		}
		// Another one holds the lock but doesn't answer: it is beginning or ending.
		select {
		case <-ctx.Done():
			return fmt.Errorf("start the daemon: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func startOne(ctx context.Context) error {
	if cmd := transientUnit(ctx); cmd != nil {
		if out, err := cmd.CombinedOutput(); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("systemd-run: %w: %s", err, strings.TrimSpace(string(out)))
		}
	}
	return startSession(ctx)
}

// transientUnit is for the host's own namespace, where systemd starts things.
func transientUnit(ctx context.Context) *exec.Cmd {
	var init, own unix.Stat_t
	if unix.Stat("/proc/1/ns/net", &init) != nil || unix.Stat("/proc/thread-self/ns/net", &own) != nil || init.Ino != own.Ino {
		return nil
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil || os.Getenv("TAPBOND_RUN") != "" {
		return nil
	}
	path, err := exec.LookPath("systemd-run")
	if err != nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return exec.CommandContext(ctx, path, "--quiet", "--collect", "--unit=tapbond", "--description=link aggregation (started by a command)",
		"--service-type=notify", self, "daemon", "--transient")
}

// startSession starts the daemon as a child that nothing ties to us.
func startSession(ctx context.Context) error {
	dir, err := control.Dir()
	if err != nil {
		return err
	}
	if err := rundir.Make(dir); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe", "daemon", "--transient", "--log-file", filepath.Join(dir, logName))
	cmd.Args[0] = "tapbond"
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = environment(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	go func() { _ = cmd.Wait() }() // no zombie if we live longer
	if t, ok := ctx.Deadline(); ok {
		_ = r.SetReadDeadline(t)
	}
	said, err := io.ReadAll(io.LimitReader(r, 4096))
	text := strings.TrimSpace(string(said))
	switch {
	case text == readyWord, strings.HasPrefix(text, control.ErrBusy.Error()):
		return nil
	case text != "":
		return errors.New(text)
	case err != nil:
		return fmt.Errorf("start the daemon: %w", err)
	}
	return errors.New("the daemon ended at once")
}

const readyWord = "ready"

// ready tells the starter, if there is one, that the daemon serves, or why not.
func ready(trouble string) {
	if os.Getenv(readyVar) != "3" {
		return
	}
	_ = os.Unsetenv(readyVar)
	f := os.NewFile(3, "ready")
	if trouble == "" {
		trouble = readyWord
	}
	_, _ = io.WriteString(f, trouble+"\n")
	f.Close()
}

// Failed tells the starter why a daemon could not begin.
func Failed(err error) { ready(err.Error()) }
