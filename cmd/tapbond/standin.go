package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/kernel/modshell"
)

// standIn is one of the program's other names: it carries out a command line,
// without its first word, and returns the status to exit with.
type standIn func(ctx context.Context, args []string) int

// standIns are the commands that the program stands in for under their names.
func standIns() map[string]standIn {
	m := map[string]standIn{"ip": runIP, "ifenslave": runIfenslave}
	for _, tool := range modshell.Tools {
		m[tool] = func(ctx context.Context, args []string) int { return runModule(ctx, tool, "", args) }
	}
	for _, name := range []string{"ifup", "ifdown"} {
		m[name] = func(ctx context.Context, args []string) int { return ended(runIfup(ctx, name, args)) }
	}
	return m
}

// calledAs returns what to be by the name that the program was called by.
func calledAs() (standIn, bool) {
	s, ok := standIns()[filepath.Base(os.Args[0])]
	return s, ok
}

// realCommand runs an installed command and returns its status.
func realCommand(name string, args []string) int {
	path, err := installed.Find(name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = name // one program may have several names
	cmd.Env = installed.Environ(path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 1
}

// realOutput runs an installed command without arguments and returns what it prints.
func realOutput(name string) (string, error) {
	path, err := installed.Find(name)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(path)
	cmd.Env = installed.Environ(path)
	out, err := cmd.Output()
	return string(out), err
}

// become turns the process into the installed program at path. It returns only if
// that fails.
func become(path string, args []string) error {
	err := unix.Exec(path, append([]string{path}, args...), installed.Environ(path))
	return fmt.Errorf("%s: %w", path, err)
}
