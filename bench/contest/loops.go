package contest

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/tapbond/tapbond/bench/lab"
)

// loopKinds are what a loop without options and monitors can do.
var loopKinds = []Kind{Single, Idle, Flows}

// Naive is package naive, run by `tapbond bench naive-loop`.
func Naive(binary string) Contender {
	return Contender{
		Name: "naive", Plain: true, Does: loopKinds,
		Note:    "one frame a system call, by the libraries; offloads off at both ends, or it carries nothing",
		Missing: func(context.Context) error { return nil },
		Start: func(ctx context.Context, l *lab.Lab, _ Kind) (*Running, error) {
			if err := slavesUp(l); err != nil {
				return nil, err
			}
			r, err := startLoop(ctx, l, binary, append([]string{"bench", "naive-loop", bondName}, slaveNames(l)...), "ready")
			if err != nil {
				return nil, err
			}
			return r, l.A.Up(bondName)
		},
	}
}

//go:embed c/loop.c
var loopSource []byte

// CLoop is the datapath's design in C. The program is compiled, once, into dir.
func CLoop(dir string) Contender {
	path := filepath.Join(dir, "c-loop")
	compile := sync.OnceValue(func() error {
		cc, err := exec.LookPath("cc")
		if err != nil {
			return fmt.Errorf("no C compiler: %w", err)
		}
		cmd := exec.Command(cc, "-O2", "-x", "c", "-o", path, "-", "-lpthread")
		cmd.Stdin = bytes.NewReader(loopSource)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the C loop does not compile: %s", firstLine(out))
		}
		return os.Chmod(path, 0o755)
	})
	return Contender{
		Name: "c-loop", Note: "the same design in C, layer 2 XOR, nothing else", Does: loopKinds,
		Missing: func(context.Context) error { return compile() },
		Start: func(ctx context.Context, l *lab.Lab, _ Kind) (*Running, error) {
			if err := slavesUp(l); err != nil {
				return nil, err
			}
			r, err := startLoop(ctx, l, path, append([]string{bondName}, slaveNames(l)...), "ready")
			if err != nil {
				return nil, err
			}
			return r, l.A.Up(bondName)
		},
	}
}

// slavesUp sets A's slaves up without IPv6 of their own.
func slavesUp(l *lab.Lab) error {
	for _, name := range slaveNames(l) {
		if err := l.A.Up(name); err != nil {
			return err
		}
	}
	return nil
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return string(line)
}
