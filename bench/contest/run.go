package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// Config is a run.
type Config struct {
	Version    string // of the program, for the report
	Contenders []Contender
	Rounds     int
	// Slice is how long each load lasts.
	Slice time.Duration
	// Only are the metrics' beginnings wanted, as "tcp1" or "rtt"; none means all.
	Only []string
	// Progress is told what begins; nil for nobody.
	Progress func(string)
}

// work is one measurement. It puts its figures into the sheet.
type work struct {
	name string
	run  func(context.Context, *sheet) error
}

// sheet takes the figures of one contender in one round.
type sheet struct {
	res    *Result
	lab    *lab.Lab
	on     *Running
	slice  time.Duration
	sample Sample
}

func (s *sheet) put(m Metric, value float64, u usage) {
	sample := s.sample
	sample.Value, sample.Stolen = value, u.stolen
	s.res.add(m, sample)
}

// measured runs fn with a meter on the contender.
func (s *sheet) measured(fn func() error) (usage, error) {
	m, err := startMeter(s.on.PIDs)
	if err != nil {
		return usage{}, err
	}
	if err := fn(); err != nil {
		return usage{}, err
	}
	return m.stop()
}

// works are all measurements, in the order they are made.
func works() []work {
	all := []work{{"rtt", idleRTT}}
	for _, w := range []struct {
		name string
		tcpSpec
	}{
		{"tcp1-out", tcpSpec{streams: 1}}, {"tcp1-in", tcpSpec{streams: 1, in: true}},
		{"tcp4-out", tcpSpec{streams: 4}}, {"tcp4-in", tcpSpec{streams: 4, in: true}},
		{"tcp16-out", tcpSpec{streams: 16}}, {"tcp1-out-v6", tcpSpec{streams: 1, ipv6: true}},
	} {
		all = append(all, work{w.name, func(ctx context.Context, s *sheet) error { return s.tcp(ctx, w.name, w.tcpSpec) }})
	}
	for _, w := range []struct {
		name string
		floodSpec
	}{
		{"small-out", floodSpec{sizes: smallFrames}}, {"small-in", floodSpec{in: true, sizes: smallFrames}},
		{"imix-out", floodSpec{sizes: imix, flows: 16}}, {"imix-in", floodSpec{in: true, sizes: imix, flows: 16}},
	} {
		all = append(all, work{w.name, func(ctx context.Context, s *sheet) error { return s.flood(ctx, w.name, w.floodSpec) }})
	}
	return all
}

func (s *sheet) tcp(ctx context.Context, name string, spec tcpSpec) error {
	var r tcpResult
	u, err := s.measured(func() (err error) {
		r, err = runTCP(ctx, s.lab, spec, s.slice)
		return err
	})
	if err != nil {
		return err
	}
	s.put(Metric{Name: name, Unit: "Gbit/s"}, r.octets*8/1e9/r.took.Seconds(), u)
	if len(s.on.PIDs) > 0 && r.octets > 0 {
		s.put(Metric{Name: name + "-cpu", Unit: "s/GB", Less: true}, u.engine.Seconds()/(r.octets/1e9), u)
	}
	return nil
}

func (s *sheet) flood(ctx context.Context, name string, spec floodSpec) error {
	var r floodResult
	u, err := s.measured(func() (err error) {
		r, err = runFlood(ctx, s.lab, s.on.Ifname, spec, s.slice)
		return err
	})
	if err != nil {
		return err
	}
	if r.frames == 0 {
		return errors.New("nothing arrived")
	}
	s.put(Metric{Name: name, Unit: "Mframes/s"}, float64(r.frames)/1e6/r.took.Seconds(), u)
	if len(s.on.PIDs) > 0 {
		s.put(Metric{Name: name + "-cpu", Unit: "µs/frame", Less: true}, float64(u.engine.Microseconds())/float64(r.frames), u)
	}
	return nil
}

// idleRTT is measured with nothing else to do.
func idleRTT(ctx context.Context, s *sheet) error {
	count := int(s.slice / (2 * time.Millisecond))
	var rtt []time.Duration
	u, err := s.measured(func() (err error) {
		rtt, err = runRTT(ctx, s.lab, count, 2*time.Millisecond)
		return err
	})
	if err != nil {
		return err
	}
	for _, q := range []struct {
		name string
		at   float64
	}{{"rtt-p50", .5}, {"rtt-p99", .99}, {"rtt-p99.9", .999}} {
		s.put(Metric{Name: q.name, Unit: "µs", Less: true}, float64(quantile(rtt, q.at).Nanoseconds())/1e3, u)
	}
	return nil
}

// Run makes the run. A contender that isn't there is noted as absent; one whose
// measurement fails is noted with the reason, and the run goes on.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	res := &Result{
		Version: cfg.Version, Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Rounds: cfg.Rounds,
		Notes: map[string]string{}, Absent: map[string]string{},
	}
	var present []Contender
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
	for round := range cfg.Rounds {
		foreign, err := foreignLoad(500 * time.Millisecond)
		if err != nil {
			return res, err
		}
		res.Foreign = append(res.Foreign, foreign)
		for _, c := range present {
			cfg.Progress(fmt.Sprintf("round %d of %d: %s", round+1, cfg.Rounds, c.Name))
			if err := cfg.turn(ctx, res, c, round); err != nil {
				if ctx.Err() != nil {
					return res, ctx.Err()
				}
				res.Failed = append(res.Failed, fmt.Sprintf("round %d, %s: %v", round+1, c.Name, err))
			}
		}
	}
	return res, nil
}

// wanted reports whether a measurement is asked for.
func (cfg *Config) wanted(name string) bool {
	return len(cfg.Only) == 0 || slices.ContainsFunc(cfg.Only, func(o string) bool { return strings.HasPrefix(name, o) })
}

// turn is a contender's in one round: a new lab, and all the work.
func (cfg *Config) turn(ctx context.Context, res *Result, c Contender, round int) (err error) {
	l, err := lab.Build(ctx, lab.Topology{
		Name: fmt.Sprintf("bench-%d", os.Getpid()), Slaves: 1, Switch: lab.NoSwitch, PeerOffloads: !c.Plain,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	on, err := cfg.start(ctx, l, c)
	if err != nil {
		return err
	}
	if on.Stop != nil {
		defer on.Stop()
	}
	s := &sheet{res: res, lab: l, on: on, slice: cfg.Slice, sample: Sample{Round: round, Contender: c.Name}}
	for _, w := range works() {
		if !cfg.wanted(w.name) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, 10*cfg.Slice+20*time.Second)
		e := w.run(limited, s)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", w.name, e))
		}
	}
	return err
}

// start brings the contender up, and waits until it carries echo requests.
func (cfg *Config) start(ctx context.Context, l *lab.Lab, c Contender) (*Running, error) {
	if err := l.A.QuietIPv6(); err != nil {
		return nil, err
	}
	for _, h := range []*lab.Host{l.A, l.B} {
		if err := h.Offloads("eth0", !c.Plain); err != nil {
			return nil, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	on, err := c.Start(ctx, l)
	if err != nil {
		return nil, err
	}
	if c.Plain {
		if err := l.A.Offloads(on.Ifname, false); err != nil {
			return nil, err
		}
	}
	if err := l.AssignBoth(on.Ifname, "eth0"); err != nil {
		return nil, err
	}
	for {
		_, err := runRTT(limited, l, 1, 20*time.Millisecond)
		if err == nil {
			return on, nil
		}
		if limited.Err() != nil {
			return nil, fmt.Errorf("carries nothing: %w", err)
		}
	}
}
