package ipshell

import (
	"bytes"
	"context"
	"errors"
	"os/exec"

	"github.com/tapbond/tapbond/internal/kernel/installed"
)

// real runs the installed ip on the shell's own streams and returns its status.
func (s *Shell) real(ctx context.Context, args ...string) int {
	cmd := s.command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	return s.status(cmd.Run())
}

// ask runs the installed ip and returns what it printed.
func (s *Shell) ask(ctx context.Context, args ...string) (out, errs []byte, status int) {
	cmd := s.command(ctx, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	status = s.status(cmd.Run())
	return o.Bytes(), e.Bytes(), status
}

func (s *Shell) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Real, args...)
	cmd.Env = installed.Environ(s.Real)
	return cmd
}

func (s *Shell) status(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	case errors.As(err, &exit): // by a signal
		return 1
	}
	s.complain("tapbond ip: %v", err)
	return 1
}
