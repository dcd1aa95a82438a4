package contest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is a run.
type Config struct {
	Version    string // of the program, for the report
	Contenders []Contender
	Rounds     int
	// Slice is how long each load lasts.
	Slice time.Duration
	// Only are the works wanted, by the beginning of their names, as "tcp1" or
	// "rtt"; none means all.
	Only []string
	// BuiltIn sends TCP with the built-in sender even where iperf3 is installed.
	BuiltIn bool
	// Patience is how often a work is done again because the machine did
	// something else meanwhile; the calmest try counts.
	Patience int
	// Progress is told what begins; nil for nobody.
	Progress func(string)
}

// Run makes the run. A contender that isn't there is noted as absent; one whose
// measurement fails is noted with the reason, and the run goes on. With an error,
// as that of ctx, comes what was measured so far.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	res := &Result{
		Version: cfg.Version, Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(cfg.BuiltIn), Rounds: cfg.Rounds,
		Slice: cfg.Slice.Seconds(), Notes: map[string]string{}, Absent: map[string]string{},
	}
	present := cfg.present(ctx, res)
	cfg.Progress(fmt.Sprintf("%d rounds take about %s", cfg.Rounds, cfg.estimate(present).Round(time.Minute/2)))
	for round := range cfg.Rounds {
		foreign, err := foreignLoad(500 * time.Millisecond)
		if err != nil {
			return res, err
		}
		res.Foreign = append(res.Foreign, foreign)
		for _, stage := range cfg.stages() {
			for _, c := range present {
				if !c.does(stage.kind) {
					continue
				}
				cfg.Progress(fmt.Sprintf("round %d of %d: %s: %s", round+1, cfg.Rounds, stage.name, c.Name))
				if err := cfg.turn(ctx, res, c, stage, round); err != nil {
					if ctx.Err() != nil {
						return res, ctx.Err()
					}
					res.Failed = append(res.Failed, fmt.Sprintf("round %d, %s, %s: %v", round+1, stage.name, c.Name, err))
				}
			}
		}
	}
	return res, nil
}

// present are the contenders that can run here; the others are noted.
func (cfg *Config) present(ctx context.Context, res *Result) (present []Contender) {
	for _, c := range cfg.Contenders {
		if err := c.Missing(ctx); err != nil {
			res.Absent[c.Name] = err.Error()
			cfg.Progress(fmt.Sprintf("%s: absent: %v", c.Name, err))
			continue
		}
		present = append(present, c)
		res.Contenders = append(res.Contenders, c.Name)
		if c.Note != "" {
			res.Notes[c.Name] = c.Note
		}
	}
	return present
}

// stages are those with work that is asked for, with that work alone.
func (cfg *Config) stages() []stage {
	var out []stage
	for _, s := range stages() {
		s.works = slices.DeleteFunc(s.works, func(w work) bool {
			return len(cfg.Only) > 0 && !slices.ContainsFunc(cfg.Only, func(o string) bool { return strings.HasPrefix(w.name, o) })
		})
		if len(s.works) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// Works are the names of all works, for Config.Only.
func Works() []string {
	var names []string
	for _, s := range stages() {
		for _, w := range s.works {
			names = append(names, w.name)
		}
	}
	return names
}

// estimate is what the rounds will take: what was seen to come on top of the
// loads is the beginning and end of contenders and of streams.
func (cfg *Config) estimate(present []Contender) time.Duration {
	const turn, each = 1200 * time.Millisecond, 300 * time.Millisecond
	var sum time.Duration
	for _, s := range cfg.stages() {
		for _, c := range present {
			if c.does(s.kind) {
				sum += turn + time.Duration(len(s.works))*(cfg.Slice+each)
			}
		}
	}
	return sum * time.Duration(cfg.Rounds)
}

// turn is a contender's in one stage of one round: a new lab, and the work.
func (cfg *Config) turn(ctx context.Context, res *Result, c Contender, st stage, round int) (err error) {
	l, on, err := begin(ctx, c, st)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if on.Stop != nil {
		defer on.Stop()
	}
	s := &sheet{
		res: res, lab: l, on: on, slice: cfg.Slice, builtIn: cfg.BuiltIn, sample: Sample{Round: round, Contender: c.Name},
	}
	for _, w := range st.works {
		e := cfg.try(ctx, s, w)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", w.name, e))
		}
	}
	return err
}

// calm is the foreign load, in processors, that is taken for none.
const calm = 0.2

// try does a work, again where the machine wasn't calm.
func (cfg *Config) try(ctx context.Context, s *sheet, w work) error {
	final := s.res
	defer func() { s.res = final }()
	var best *Result
	var failed error
	for range cfg.Patience + 1 {
		s.res = new(Result)
		limited, cancel := context.WithTimeout(ctx, 10*cfg.Slice+20*time.Second)
		err := w.run(limited, s)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = err
			continue
		}
		if best == nil || s.res.During().Max < best.During().Max {
			best = s.res
		}
		if best.During().Max <= calm {
			break
		}
	}
	if best == nil {
		return failed
	}
	final.take(best)
	return nil
}
