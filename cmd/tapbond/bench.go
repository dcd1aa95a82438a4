package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bench/contest"
	"github.com/tapbond/tapbond/bench/naive"
)

func benchCmd() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "measure this machine: tapbond against other ways to aggregate links",
		Long: `Measure this machine: tapbond against other ways to aggregate links, each in the
same network of namespaces with the same work, in turn, round after round. It
needs root, nothing else to be installed, and a machine that has nothing else to
do. What is not installed is shown as absent.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&o.rounds, "rounds", 5, "rounds, 1 or more; figures are their medians")
	f.DurationVar(&o.slice, "slice", 2*time.Second, "how long each load lasts")
	f.BoolVar(&o.quick, "quick", false, "three short rounds of the main figures, under two minutes")
	f.StringSliceVar(&o.only, "only", nil, "figures wanted, by the beginning of their names (tcp1, small, rtt, ...)")
	f.StringVar(&o.json, "json", "", "file for all samples, - for standard output instead of the table")
	f.StringVar(&o.compare, "compare", "", "file of an older run (--json): what changed since, beyond noise")
	cmd.AddCommand(naiveLoopCmd())
	return cmd
}

type benchOptions struct {
	rounds  int
	slice   time.Duration
	quick   bool
	only    []string
	json    string
	compare string
}

func (o *benchOptions) run(cmd *cobra.Command) error {
	if o.rounds < 1 || o.slice < 100*time.Millisecond {
		return fmt.Errorf("bench: want 1 round or more, of 100ms or more")
	}
	if o.quick {
		o.rounds, o.slice = 3, time.Second
		if len(o.only) == 0 {
			o.only = []string{"rtt", "tcp1-out", "tcp1-in", "small"}
		}
	}
	var old *contest.Result
	if o.compare != "" {
		f, err := os.Open(o.compare)
		if err != nil {
			return err
		}
		defer f.Close()
		if old, err = contest.ReadJSON(f); err != nil {
			return fmt.Errorf("%s: %w", o.compare, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tapbond-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	res, err := contest.Run(cmd.Context(), contest.Config{
		Version: version, Rounds: o.rounds, Slice: o.slice, Only: o.only,
		Contenders: []contest.Contender{
			contest.Veth(), contest.Ours(contest.OursConfig{Name: "tapbond"}),
			contest.CLoop(dir), contest.Naive(self), contest.Kernel(),
		},
		Progress: func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) },
	})
	if err != nil {
		return err
	}
	switch o.json {
	case "-":
		return res.WriteJSON(cmd.OutOrStdout())
	case "":
	default:
		if err := writeFile(o.json, res.WriteJSON); err != nil {
			return err
		}
	}
	if err := res.WriteTable(cmd.OutOrStdout()); err != nil || old == nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "\nsince %s:\n", o.compare)
	return contest.WriteChanges(cmd.OutOrStdout(), res.Compare(old))
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// naiveLoopCmd is a contender as a process of its own, so that its processor
// time can be told from the harness's.
func naiveLoopCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "naive-loop TAP SLAVE...",
		Short: "one frame at a time between a TAP and slaves, for comparison",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return naive.Run(cmd.Context(), args[0], args[1:], func() { fmt.Fprintln(cmd.OutOrStdout(), "ready") })
		},
	}
}
