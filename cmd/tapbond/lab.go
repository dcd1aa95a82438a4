package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond/option"
)

// labName is the lab of `lab up`; there is one at a time.
const labName = "tapbond-lab"

func labCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "a small network in namespaces to try bonds in",
		Long: `A small network in namespaces: host A with a bond over eth0, eth1, ..., a wire
in the middle of each link where faults can be put, a switch, and host B.`,
	}
	cmd.AddCommand(labDemoCmd(), labUpCmd(), labDownCmd(), labCutCmd("cut", false), labCutCmd("mend", true))
	return cmd
}

// labOptions are the flags of the labs that have a bond.
type labOptions struct {
	mode   string
	slaves int
}

func (o *labOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.mode, "mode", "active-backup", "mode of the bond, by name or number")
	cmd.Flags().IntVar(&o.slaves, "slaves", 2, "links of host A")
}

// build makes the network.
func (o *labOptions) build(ctx context.Context, name string) (*lab.Lab, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := privileged(); err != nil {
		return nil, err
	}
	return lab.Build(ctx, lab.Topology{Name: name, Slaves: o.slaves, Wire: true, PeerOffloads: true})
}

// runArgs is the command line of the bond in A.
func (o *labOptions) runArgs() []string {
	args := []string{"run", "bond0", "mode", o.mode, "miimon", "100", "slaves"}
	for i := range o.slaves {
		args = append(args, fmt.Sprintf("eth%d", i))
	}
	return args
}

// check judges the flags, before anything is built.
func (o *labOptions) check() error {
	mode := option.ByName("mode")
	known := slices.ContainsFunc(mode.Values, func(v option.Value) bool { return v.Name == o.mode || fmt.Sprint(v.N) == o.mode })
	if !known {
		return fmt.Errorf("--mode: %q is no mode; it takes %s", o.mode, mode.Accepts())
	}
	if o.slaves < 1 || o.slaves > lab.MaxSlaves {
		return fmt.Errorf("--slaves: %d links are not possible; it takes 1 to %d", o.slaves, lab.MaxSlaves)
	}
	return nil
}

// labReady bounds how long a bond may take to come up.
const labReady = 10 * time.Second

func labUpCmd() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use:        "up",
		Short:      "build the network with a bond in host A and leave it standing",
		SuggestFor: []string{"start", "begin", "create", "build"},
		Args:       words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.build(cmd.Context(), labName)
			if err != nil {
				return err
			}
			defer l.Close()
			logFile, err := o.detach(cmd.Context(), l)
			if err != nil {
				return err
			}
			if err := l.AssignBoth("bond0", "eth0"); err != nil {
				return err
			}
			l.Keep()
			return labHints(cmd.OutOrStdout(), l, logFile)
		},
	}
	o.flags(cmd)
	return cmd
}

// detach starts the bond in A so that it outlives this command, and waits
// until it is there. It returns the file its log goes to.
func (o *labOptions) detach(ctx context.Context, l *lab.Lab) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(os.TempDir(), labName+".log")
	log, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := exec.Command(self, o.runArgs()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := l.A.Do(cmd.Start); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(labReady)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		said, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(said), "is running") {
			return path, nil
		}
		select {
		case <-ended:
			return "", fmt.Errorf("the bond did not start:\n%s", said)
		case <-deadline:
			return "", fmt.Errorf("the bond is not up after %v, see %s", labReady, path)
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
}

func labHints(w io.Writer, l *lab.Lab, logFile string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `The lab stands: host A has bond0 with %[1]s, host B has %[2]s.

Try:
  %[5]s lab cut 0       # pull the cable of eth0 ...
  %[5]s lab mend 0      # ... and plug it in again
  %[5]s lab down        # take it all away
  ip netns exec %[3]s %[5]s show       # healthy? what carries traffic?
  ip netns exec %[3]s %[5]s events     # watch what happens
  ip netns exec %[3]s %[5]s set bond0 active_slave eth1
  ip netns exec %[3]s ping %[2]s
  ip netns exec %[4]s iperf3 -s -D; ip netns exec %[3]s iperf3 -c %[2]s

The bond's log is in %[6]s
`, lab.AddrA4.Addr(), lab.AddrB4.Addr(), l.A.Name, l.B.Name, self, logFile)
	return err
}

func labDownCmd() *cobra.Command {
	return &cobra.Command{
		Use:        "down",
		Short:      "take the network and its bond away",
		SuggestFor: []string{"stop", "end", "delete", "remove"},
		Args:       words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return lab.Remove(cmd.Context(), labName)
		},
	}
}

func labCutCmd(use string, up bool) *cobra.Command {
	short := "take the carrier of link N away"
	if up {
		short = "give link N its carrier back"
	}
	return &cobra.Command{
		Use:     use + " N",
		Example: "  tapbond lab " + use + " 0",
		Short:   short,
		Args:    words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := lab.Open(labName)
			if err != nil {
				return fmt.Errorf("%w; build it first: tapbond lab up", err)
			}
			defer l.Close()
			var n int
			if _, err := fmt.Sscanf(args[0]+"\n", "%d\n", &n); err != nil || n < 0 || n >= len(l.Links()) {
				return fmt.Errorf("no link %q: the lab has links 0 to %d; for example: %s", args[0], len(l.Links())-1, exampleOf(cmd))
			}
			_, err = l.Link(n).Carrier(up)
			return err
		},
	}
}
