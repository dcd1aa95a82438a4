package contest

import (
	"context"
	"fmt"
	"os"

	"github.com/tapbond/tapbond/bench/lab"
)

// OursConfig is a way to run tapbond.
type OursConfig struct {
	// Name of the contender; "" makes one from the rest.
	Name string
	// Mode by name; "" means active-backup.
	Mode string
	// Options are further words for `tapbond run`.
	Options []string
	// Binary is the program; "" means the running one.
	Binary string
}

// Ours is tapbond.
func Ours(cfg OursConfig) Contender {
	if cfg.Mode == "" {
		cfg.Mode = "active-backup"
	}
	if cfg.Name == "" {
		cfg.Name = "tapbond " + cfg.Mode
	}
	return Contender{
		Name:    cfg.Name,
		Missing: func(context.Context) error { return nil },
		Start: func(ctx context.Context, l *lab.Lab) (*Running, error) {
			binary := cfg.Binary
			if binary == "" {
				var err error
				if binary, err = os.Executable(); err != nil {
					return nil, err
				}
			}
			args := []string{"run", bondName, "mode", cfg.Mode, "miimon", "100"}
			args = append(args, cfg.Options...)
			args = append(args, "slaves")
			args = append(args, slaveNames(l)...)
			return startLoop(ctx, l, binary, args, "is running")
		},
	}
}

// startLoop starts a program that makes bond0 and waits for its word.
func startLoop(ctx context.Context, l *lab.Lab, binary string, args []string, ready string) (*Running, error) {
	p, err := l.Start(ctx, l.A, binary, args, nil)
	if err != nil {
		return nil, err
	}
	if _, err := p.WaitLine(ctx, ready); err != nil {
		return nil, fmt.Errorf("%s did not start: %w", binary, err)
	}
	return &Running{Ifname: bondName, PIDs: []int{p.PID()}, Stop: func() { _ = p.Stop(ctx) }}, nil
}
