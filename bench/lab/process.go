package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that runs inside a host of the lab. Its output, both
// streams, is kept line by line.
type Process struct {
	cmd  *exec.Cmd
	name string
	done chan struct{} // closed when it has ended and all output is here

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced at each new line
	err   error         // of Wait, valid once done is closed
}

// Start starts a program inside the host. env is added to the caller's
// environment, a later value of a name replacing an earlier one. The program
// leads a process group of its own; Close of the lab kills the group, and so
// does the end of ctx.
func (l *Lab) Start(ctx context.Context, h *Host, binary string, args, env []string) (*Process, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%s: pipe: %w", binary, err)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	if err := h.Do(cmd.Start); err != nil {
		out.Close()
		in.Close()
		return nil, fmt.Errorf("%s: start %s: %w", h.Name, binary, err)
	}
	in.Close()
	p := &Process{cmd: cmd, name: binary, done: make(chan struct{}), more: make(chan struct{})}
	go p.collect(out)
	l.mu.Lock()
	l.processes = append(l.processes, p)
	l.mu.Unlock()
	return p, nil
}

// collect keeps lines until the process has ended. Children of it that keep
// the pipe open don't hold the end up for long.
func (p *Process) collect(out *os.File) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				p.add(strings.TrimRight(line, "\r\n"))
			}
			if err != nil {
				return
			}
		}
	}()
	err := p.cmd.Wait()
	select {
	case <-read:
	case <-time.After(100 * time.Millisecond):
		out.SetReadDeadline(time.Now())
		<-read
	}
	out.Close()
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.done)
}

func (p *Process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	close(p.more)
	p.more = make(chan struct{})
}

// PID is the process's id, and its group's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Output is what the process has written so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// WaitLine waits for a line of output that contains text, lines already
// written included, and returns it. The process's end is an error, and so is
// the end of ctx; both carry the output.
func (p *Process) WaitLine(ctx context.Context, text string) (string, error) {
	for seen := 0; ; {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for ; seen < len(lines); seen++ {
			if strings.Contains(lines[seen], text) {
				return lines[seen], nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", fmt.Errorf("%s: waiting for %q: %w; output:\n%s", p.name, text, context.Cause(ctx), p.Output())
		case <-p.done:
			p.mu.Lock()
			late := len(p.lines) > seen
			p.mu.Unlock()
			if !late {
				return "", fmt.Errorf("%s: ended (%v) without %q; output:\n%s", p.name, p.cmd.ProcessState, text, p.Output())
			}
		}
	}
}

// Wait waits for the process's end and returns what exec.Cmd.Wait does.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting for its end: %w", p.name, context.Cause(ctx))
	}
}

// Signal sends a signal to the process alone. It has ended: os.ErrProcessDone.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop asks the process to end (SIGTERM) and waits for it. Where ctx ends
// first the process group is killed and that is an error.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: SIGTERM: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s: killed, did not end on SIGTERM: %w; output:\n%s", p.name, context.Cause(ctx), p.Output())
	}
}

// Kill kills the process and its group, and waits for the process's end.
func (p *Process) Kill() {
	select {
	case <-p.done: // the id may be another's by now
		return
	default:
	}
	unix.Kill(-p.PID(), unix.SIGKILL)
	<-p.done
}
