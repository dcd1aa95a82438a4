package contest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// singleWorks are the measurements on one link.
func singleWorks() []work {
	all := []work{{"rtt-idle", idleRTT}, {"rttload", loadedRTT}}
	for _, ipv6 := range []bool{false, true} {
		for _, streams := range []int{1, 4, 16} {
			for _, in := range []bool{false, true} {
				spec := tcpSpec{streams: streams, in: in, ipv6: ipv6}
				all = append(all, work{spec.name(), func(ctx context.Context, s *sheet) error { return s.tcp(ctx, spec) }})
			}
		}
	}
	for _, spec := range []floodSpec{
		{name: "small-out", sizes: smallFrames}, {name: "small-in", in: true, sizes: smallFrames},
		{name: "imix-out", sizes: imix, flows: 16}, {name: "imix-in", in: true, sizes: imix, flows: 16},
	} {
		all = append(all, work{spec.name, func(ctx context.Context, s *sheet) error { return s.flood(ctx, spec) }})
	}
	for _, spec := range fixedRates() {
		all = append(all, work{spec.name(), func(ctx context.Context, s *sheet) error { return s.fixed(ctx, spec) }})
	}
	return all
}

func wayName(in bool) string {
	if in {
		return "in"
	}
	return "out"
}

func (s tcpSpec) name() string {
	v6 := ""
	if s.ipv6 {
		v6 = "-v6"
	}
	return fmt.Sprintf("tcp%d%s-%s", s.streams, v6, wayName(s.in))
}

func (s *sheet) tcp(ctx context.Context, spec tcpSpec) error {
	var r tcpResult
	u, err := s.measured(func() (err error) {
		r, err = runTCP(ctx, s.lab, s.builtIn, spec, s.slice)
		return err
	})
	if err != nil {
		return err
	}
	version := "IPv4"
	if spec.ipv6 {
		version = "IPv6"
	}
	what := fmt.Sprintf("TCP over %s, %d streams, %s", version, spec.streams, wayName(spec.in))
	s.put(Metric{Name: spec.name(), Unit: "Gbit/s", What: what, Group: "TCP over " + version}, r.octets*8/1e9/r.took.Seconds(), u)
	if len(s.on.PIDs) > 0 && r.octets > 0 {
		m := Metric{Name: spec.name() + "-cpu", Unit: "s/GB", Less: true, What: what + ": processor time of the engine", Group: "Processor time, TCP over " + version}
		s.put(m, u.engine.Seconds()/(r.octets/1e9), u)
	}
	return nil
}

func (s *sheet) flood(ctx context.Context, spec floodSpec) error {
	var r floodResult
	u, err := s.measured(func() (err error) {
		r, err = runFlood(ctx, s.lab, spec, s.slice)
		return err
	})
	if err != nil {
		return err
	}
	if r.frames == 0 {
		return errors.New("nothing arrived")
	}
	s.putFrames(Metric{Name: spec.name, Group: "UDP as fast as possible"}, float64(r.frames), r.took, u)
	return nil
}

// putFrames puts a rate of frames, and the engine's time for each.
func (s *sheet) putFrames(m Metric, frames float64, took time.Duration, u usage) {
	m.Unit = "Mframes/s"
	s.put(m, frames/1e6/took.Seconds(), u)
	if len(s.on.PIDs) > 0 {
		m.Name, m.Unit, m.Less, m.Group = m.Name+"-cpu", "µs/frame", true, "Processor time, "+m.Group
		s.put(m, float64(u.engine.Nanoseconds())/1e3/frames, u)
	}
}

// idleRTT is measured with nothing else to do.
func idleRTT(ctx context.Context, s *sheet) error {
	return s.rtt(ctx, "rtt", "Round trip, idle")
}

const (
	// loadRate is the TCP that round trips are measured under, in bits a second.
	loadRate = 1e9
	// loadHead is how long it runs before.
	loadHead = 200 * time.Millisecond
)

// loadedRTT is measured under one paced TCP stream the same way as the requests.
func loadedRTT(ctx context.Context, s *sheet) error {
	load, err := dialStreams(ctx, s.lab, lab.AddrB4.Addr(), 1)
	if err != nil {
		return err
	}
	defer load.close()
	if err := load.pace(loadRate); err != nil {
		return err
	}
	began := time.Now()
	load.start(false, began.Add(time.Minute)) // it is closed before
	if err := pause(ctx, loadHead); err != nil {
		return err
	}
	if err := s.rtt(ctx, "rttload", "Round trip, under 1 Gbit/s of TCP"); err != nil {
		return err
	}
	took := time.Since(began)
	carried := float64(load.received.Load()) * 8 / 1e9 / took.Seconds()
	s.put(Metric{Name: "rttload-tcp", Unit: "Gbit/s", What: "the TCP that round trips were measured under"}, carried, usage{})
	load.close()
	return load.wait(ctx)
}

// rtt measures round trips and puts three of them.
func (s *sheet) rtt(ctx context.Context, name, title string) error {
	const every = time.Millisecond
	var rtt []time.Duration
	u, err := s.measured(func() (err error) {
		rtt, err = runRTT(ctx, s.lab, int(s.slice/every), every)
		return err
	})
	if err != nil {
		return err
	}
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", .5}, {"p99", .99}, {"p99.9", .999}} {
		m := Metric{Name: name + "-" + q.name, Unit: "µs", Less: true, What: title, Group: title}
		s.put(m, float64(quantile(rtt, q.at).Nanoseconds())/1e3, u)
	}
	return nil
}

const idleSlaves = 8

// idle is what a contender costs with nothing to do.
func idle(ctx context.Context, s *sheet) error {
	// What it does at the beginning, and looking closely at links that carried
	// something a moment ago, is over by then.
	if err := pause(ctx, 1500*time.Millisecond); err != nil {
		return err
	}
	if len(s.on.PIDs) == 0 {
		return nil
	}
	u, err := s.measured(func() error { return pause(ctx, max(s.slice, time.Second)) })
	if err != nil {
		return err
	}
	m := Metric{Name: "idle", Unit: "% of a core", Less: true, What: fmt.Sprintf("%d links and no traffic", idleSlaves), Group: "Processor time with nothing to do"}
	s.put(m, 100*u.engine.Seconds()/u.wall.Seconds(), u)
	return nil
}
