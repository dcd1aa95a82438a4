package contest

import "strings"

// Goal is what tapbond shall reach.
type Goal struct {
	// Contender, usually "tapbond", and Metric name the figure.
	Contender, Metric string
	// Against is the contender it is compared with, "" for none; AgainstMetric
	// its metric, "" for the same.
	Against, AgainstMetric string
	// Difference compares by subtraction, else by division.
	Difference bool
	// Floor must be reached, Aim should.
	Floor, Aim float64
	// Less is better, else more is.
	Less bool
}

// Verdict says how far a goal was reached.
type Verdict string

// The verdicts.
const (
	AimReached   Verdict = "aim reached"
	FloorReached Verdict = "floor reached"
	Missed       Verdict = "missed"
	NotMeasured  Verdict = "not measured"
)

// Score is a goal with what a run says of it.
type Score struct {
	Goal
	Measured Summary
	Verdict  Verdict
}

const us, express = "tapbond", "tapbond/express"

// Goals are the goals there are.
func Goals() []Goal {
	goals := append(carried(us), inProcess()...)
	for _, mode := range SupportedModes() {
		if mode == "active-backup" {
			continue
		}
		name := us + "/" + mode
		if mode == "balance-xor" {
			name += "/layer3+4"
		}
		for _, m := range []string{"small-out-cpu", "small-in-cpu"} {
			goals = append(goals, Goal{Contender: name, Metric: m, Against: us, Floor: 1.1, Aim: 1.1, Less: true})
		}
	}
	for _, way := range []string{"out", "in"} {
		goals = append(goals, Goal{
			Contender: us, Metric: "flows-" + way + "-8x100000-cpu", Against: us, AgainstMetric: "flows-" + way + "-2x10-cpu",
			Floor: 1.15, Aim: 1.15, Less: true,
		})
	}
	goals = append(goals, less(us, "idle", "", 1, 1))
	for _, n := range []string{"2", "4", "8"} {
		goals = append(goals, more(us, "limited-"+n+"-share", "", 0.93, 0.93), more(us, "rr-"+n+"-share", "", 0.95, 0.95))
	}
	return append(goals, carried(express)...)
}

func more(contender, metric, against string, floor, aim float64) Goal {
	return Goal{Contender: contender, Metric: metric, Against: against, Floor: floor, Aim: aim}
}

func less(contender, metric, against string, floor, aim float64) Goal {
	g := more(contender, metric, against, floor, aim)
	g.Less = true
	return g
}

// carried are the goals of what a contender carries, and how fast.
func carried(who string) []Goal {
	goals := []Goal{
		more(who, "tcp1-out", "veth", 0.75, 0.90), more(who, "tcp1-in", "veth", 0.70, 0.85), more(who, "tcp4-out", "veth", 0.70, 0.85),
		more(who, "small-out", "veth", 0.25, 0.40), more(who, "small-in", "veth", 0.35, 0.50),
		{Contender: who, Metric: "rtt-p50", Against: "veth", Difference: true, Floor: 60, Aim: 25, Less: true},
		less(who, "rttload-p99", "", 2000, 1000),
	}
	return append(goals,
		more(who, "tcp1-out", "ovs-tso", 1.1, 1.3), more(who, "tcp1-in", "ovs-tso", 1.5, 2), more(who, "tcp4-out", "ovs-tso", 1.1, 1.3),
		more(who, "small-out", "ovs-tso", 1.2, 2), more(who, "small-in", "ovs-tso", 2, 4),
		more(who, "tcp1-out", "dpdk", 4, 8), more(who, "tcp1-in", "dpdk", 4, 8), more(who, "tcp4-out", "dpdk", 4, 8),
		more(who, "small-out", "dpdk", 1.5, 2), more(who, "small-in", "dpdk", 1.1, 1.5),
		more(who, "tcp1-out", "naive", 8, 12), more(who, "tcp1-in", "naive", 6, 9), more(who, "tcp4-out", "naive", 8, 11),
	)
}

// inProcess are the goals of the processor time that the workers take. That of
// the express lane is not in a process.
func inProcess() []Goal {
	var goals []Goal
	for _, m := range []string{"tcp1-out-cpu", "tcp1-in-cpu", "tcp4-out-cpu"} {
		goals = append(goals, less(us, m, "c-loop", 1.2, 1.05))
	}
	for _, m := range []string{"small-out-cpu", "small-in-cpu"} {
		goals = append(goals, less(us, m, "c-loop", 1.35, 1.1))
	}
	return append(goals, less(us, "tcp1-out-cpu", "naive", 1.0/10, 1.0/16))
}

// String names what is compared.
func (g Goal) String() string {
	name := strings.TrimPrefix(g.Contender, us+"/")
	if name == us {
		name = ""
	}
	s := strings.TrimSpace(name + " " + g.Metric)
	switch {
	case g.Against == "":
	case g.AgainstMetric != "":
		s += " / " + g.AgainstMetric
	case g.Difference:
		s += " - " + g.Against + "'s"
	default:
		s += " / " + g.Against + "'s"
	}
	return s
}

// Scores judges the goals by the medians of the rounds' ratios or differences.
func (r *Result) Scores() []Score {
	var out []Score
	for _, g := range Goals() {
		s := Score{Goal: g, Verdict: NotMeasured}
		if s.Measured = r.measure(g); s.Measured.N > 0 {
			s.Verdict = g.judge(s.Measured.Median)
			if r.disturbed(g) {
				s.Verdict = NotJudged
			}
		}
		out = append(out, s)
	}
	return out
}

func (r *Result) measure(g Goal) Summary {
	own := r.Values(g.Contender, g.Metric)
	if g.Against == "" {
		return r.Summary(g.Contender, g.Metric)
	}
	metric := g.AgainstMetric
	if metric == "" {
		metric = g.Metric
	}
	other := r.Values(g.Against, metric)
	if g.Difference {
		return Summarize(differences(own, other))
	}
	return Summarize(ratios(own, other))
}

func (g Goal) judge(x float64) Verdict {
	reached := func(limit float64) bool { return x == limit || (x < limit) == g.Less }
	switch {
	case reached(g.Aim):
		return AimReached
	case reached(g.Floor):
		return FloorReached
	}
	return Missed
}

// bound writes a limit of a goal.
func (g Goal) bound(x float64) string {
	if g.Less {
		return "≤ " + Figure(x)
	}
	return "≥ " + Figure(x)
}

// FloorText is the floor as text.
func (g Goal) FloorText() string { return g.bound(g.Floor) }

// AimText is the aim as text.
func (g Goal) AimText() string { return g.bound(g.Aim) }
