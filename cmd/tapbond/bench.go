package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bench/contest"
	"github.com/tapbond/tapbond/bench/contest/report"
	"github.com/tapbond/tapbond/bench/naive"
)

func benchCmd() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "measure this machine: tapbond against other ways to aggregate links",
		Long: `Measure this machine: tapbond against other ways to aggregate links, each in the
same networks of namespaces with the same work, in turn, round after round. It
needs root and a machine that has nothing else to do. What is not installed is
shown as absent: a C compiler, iperf3 (a built-in sender takes its place),
openvswitch-switch, dpdk-dev, the kernel's bonding driver.`,
		Example: `  tapbond bench --quick
  tapbond bench --only tcp,small --with veth,tapbond,ovs-tso --json run.json
  tapbond bench --all --only small --html modes.html
  tapbond bench --compare run.json
  tapbond bench --show run1.json,run2.json --calm --html run.html`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&o.rounds, "rounds", 5, "rounds, 1 or more; figures are their medians")
	f.DurationVar(&o.slice, "slice", 2*time.Second, "how long each load lasts")
	f.BoolVar(&o.quick, "quick", false, "three short rounds of the main figures, under two minutes")
	f.StringSliceVar(&o.only, "only", nil, "works wanted, by the beginning of their names (tcp1, small, rtt, ...); --list names them")
	f.StringSliceVar(&o.with, "with", nil, "contenders wanted, by name, with wildcards as for files (tapbond, tapbond/*, ovs*, ...); --list names them")
	f.BoolVar(&o.all, "all", false, "tapbond in every mode, with and without offloads, and with more queues too")
	f.BoolVar(&o.builtIn, "built-in", false, "send TCP with the built-in sender, even where iperf3 is installed")
	f.IntVar(&o.patience, "patience", 0, "how often a load is done again because the machine did something else meanwhile")
	f.BoolVar(&o.list, "list", false, "name the contenders and the works, and measure nothing")
	f.StringVar(&o.json, "json", "", "file for all samples, - for standard output instead of the table")
	f.StringVar(&o.html, "html", "", "file for a page with pictures, which needs no other file")
	f.StringSliceVar(&o.show, "show", nil, "measure nothing: tell what these files (--json) have, put together")
	f.BoolVar(&o.calm, "calm", false, "leave out of what is told what was measured while the machine did something else")
	f.StringVar(&o.compare, "compare", "", "file of an older run (--json): what changed since, beyond noise")
	cmd.AddCommand(naiveLoopCmd())
	return cmd
}

type benchOptions struct {
	rounds    int
	slice     time.Duration
	patience  int
	quick     bool
	only      []string
	with      []string
	all, list bool
	builtIn   bool
	json      string
	html      string
	show      []string
	calm      bool
	compare   string
}

// quickWorks are what --quick measures.
var quickWorks = []string{"rtt-idle", "tcp1-out", "tcp1-in", "small-out", "small-in"}

func (o *benchOptions) run(cmd *cobra.Command) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.quick {
		o.rounds, o.slice, o.builtIn = 3, 500*time.Millisecond, true
		if len(o.only) == 0 {
			o.only = quickWorks
		}
	}
	var old *contest.Result
	if o.compare != "" {
		var err error
		if old, err = readResult(o.compare); err != nil {
			return err
		}
	}
	if len(o.show) > 0 {
		var runs []*contest.Result
		for _, path := range o.show {
			r, err := readResult(path)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		merged := contest.Merge(runs)
		if err := merged.Nothing(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(o.show, ", "), err)
		}
		return o.tell(cmd.OutOrStdout(), merged, old)
	}
	if !o.list {
		if err := privileged(); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "tapbond-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	contenders, err := o.contenders(dir)
	if err != nil {
		return err
	}
	if o.list {
		list(cmd.OutOrStdout(), contenders)
		return nil
	}
	res, err := contest.Run(cmd.Context(), contest.Config{
		Version: version, Rounds: o.rounds, Slice: o.slice, Only: o.only, BuiltIn: o.builtIn, Patience: o.patience, Contenders: contenders,
		Progress: func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) },
	})
	if len(res.Samples) == 0 {
		return errors.Join(err, res.Nothing())
	}
	// What was measured before an interruption is told too.
	return errors.Join(err, o.tell(cmd.OutOrStdout(), res, old))
}

// check judges the flags.
func (o *benchOptions) check() error {
	switch {
	case o.rounds < 1:
		return fmt.Errorf("bench: --rounds: %d is too few; it takes 1 or more; for example: tapbond bench --rounds 3", o.rounds)
	case o.slice < 100*time.Millisecond:
		return fmt.Errorf("bench: --slice: %v is too short; it takes 100ms or more; for example: tapbond bench --slice 1s", o.slice)
	case o.patience < 0:
		return fmt.Errorf("bench: --patience: %d is no number of times; it takes 0 or more; for example: tapbond bench --patience 3", o.patience)
	}
	if err := contest.UnknownWork(o.only); err != nil {
		return fmt.Errorf("bench: --only: %w; for example: tapbond bench --only tcp,small", err)
	}
	return nil
}

// tell writes what is asked for about a result.
func (o *benchOptions) tell(stdout io.Writer, res, old *contest.Result) error {
	calm := res
	if o.calm {
		calm = res.Calm()
	}
	if err := o.save(stdout, res, calm); err != nil || o.json == "-" {
		return err
	}
	if len(calm.Samples) == 0 && len(res.Samples) > 0 {
		return fmt.Errorf("bench: --calm: the machine was busy during all %d measurements (%.2f processors in the median); run it again when it is idle", len(res.Samples), res.During().Median)
	}
	res = calm
	if err := res.WriteTable(stdout); err != nil || old == nil {
		return err
	}
	fmt.Fprintf(stdout, "\nsince %s:\n", o.compare)
	return contest.WriteChanges(stdout, res.Compare(old))
}

// contenders are those asked for; by default the usual ones.
func (o *benchOptions) contenders(dir string) ([]contest.Contender, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	usual, more := contest.Catalog(self, dir)
	everyone := append(usual[:len(usual):len(usual)], more...)
	switch {
	case len(o.with) > 0:
		return contest.Select(everyone, o.with)
	case o.all || o.list:
		return everyone, nil
	}
	return usual, nil
}

// save writes the files asked for: every sample as JSON, what is to be told as a
// page.
func (o *benchOptions) save(stdout io.Writer, res, told *contest.Result) error {
	if o.html != "" {
		if err := writeFile(o.html, func(w io.Writer) error { return report.Write(w, told) }); err != nil {
			return err
		}
	}
	switch o.json {
	case "-":
		return res.WriteJSON(stdout)
	case "":
		return nil
	default:
		return writeFile(o.json, res.WriteJSON)
	}
}

func list(w io.Writer, contenders []contest.Contender) {
	fmt.Fprintln(w, "contenders:")
	for _, c := range contenders {
		fmt.Fprintln(w, strings.TrimSuffix("  "+c.Name+": "+c.Note, ": "))
	}
	fmt.Fprintln(w, "works:")
	for _, name := range contest.Works() {
		fmt.Fprintln(w, "  "+name)
	}
}

func readResult(path string) (*contest.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	res, err := contest.ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return res, nil
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
		Use:     "naive-loop TAP SLAVE...",
		Short:   "one frame at a time between a TAP and slaves, for comparison",
		Example: "  tapbond bench naive-loop tap0 eth0 eth1",
		Args:    words(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return naive.Run(cmd.Context(), args[0], args[1:], func() { fmt.Fprintln(cmd.OutOrStdout(), "ready") })
		},
	}
}
