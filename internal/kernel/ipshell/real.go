package ipshell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// insideVar is set for everything that runs below us: an `ip` in PATH that is a
// wrapper around us must not call itself for ever.
const insideVar = "TAPBOND_IP_DEPTH"

// maxDepth is how deep wrappers may nest: `ip netns exec NS ip …` is one level.
const maxDepth = 8

// FindReal returns the installed ip: the first one in PATH, and then in the
// usual places, that isn't this program.
func FindReal() (string, error) {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin", "/usr/bin", "/bin")
	for _, dir := range dirs {
		path := filepath.Join(dir, "ip")
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 || os.SameFile(self, info) || wraps(path) {
			continue
		}
		return path, nil
	}
	return "", errors.New("the ip command (iproute2) is not installed")
}

// wraps: a script is somebody's wrapper, perhaps around us; the real one is a
// program.
func wraps(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [2]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[:]) == "#!"
}

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
	cmd.Env = s.env
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
