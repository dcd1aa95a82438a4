package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// stage is a network, what contenders are set up for in it, and the work.
type stage struct {
	name     string
	kind     Kind
	topology lab.Topology // without name and offloads
	works    []work
}

// work is one measurement. It puts its figures into the sheet.
type work struct {
	name string
	run  func(context.Context, *sheet) error
}

// sheet takes the figures of one contender in one round.
type sheet struct {
	res     *Result
	lab     *lab.Lab
	on      *Running
	slice   time.Duration
	builtIn bool // TCP sender
	sample  Sample
}

func (s *sheet) put(m Metric, value float64, u usage) {
	sample := s.sample
	sample.Value, sample.Stolen, sample.Foreign = value, u.stolen, u.foreign
	s.res.Add(m, sample)
}

// measured runs fn with a meter on the contender.
func (s *sheet) measured(fn func() error) (usage, error) {
	m, err := startMeter(s.on.PIDs, s.on.Helpers)
	if err != nil {
		return usage{}, err
	}
	if err := fn(); err != nil {
		return usage{}, err
	}
	return m.stop()
}

// stages are all measurements, in the order they are made.
func stages() []stage {
	out := []stage{
		{"one link", Single, lab.Topology{Slaves: 1, Switch: lab.NoSwitch}, singleWorks()},
		{"idle", Idle, lab.Topology{Slaves: idleSlaves, Switch: lab.NoSwitch}, []work{{"idle", idle}}},
		{"failover", Failover, lab.Topology{Slaves: 2, Wire: true}, []work{{"failover", failover}}},
	}
	for _, slaves := range []int{2, 4, 8} {
		out = append(out,
			stage{fmt.Sprintf("flows over %d", slaves), Flows, lab.Topology{Slaves: slaves, Switch: lab.NoSwitch}, flowWorks(slaves)},
			stage{fmt.Sprintf("%d limited links", slaves), Limited, lab.Topology{Slaves: slaves, Switch: lab.NoSwitch, Wire: true},
				[]work{{fmt.Sprintf("limited-%d", slaves), limited}}},
			stage{fmt.Sprintf("round robin over %d limited links", slaves), RoundRobin, lab.Topology{Slaves: slaves, Switch: lab.NoSwitch, Wire: true},
				[]work{{fmt.Sprintf("rr-%d", slaves), roundRobin}}},
		)
	}
	return out
}

const (
	// startTime is what a contender has to come up and carry, stopTime to end.
	startTime = 20 * time.Second
	stopTime  = 5 * time.Second
	// startStep is the time between two looks.
	startStep = 20 * time.Millisecond
)

// labName is unique to this process.
func labName(what string) string { return fmt.Sprintf("bench-%s-%d", what, os.Getpid()) }

// begin builds the lab, brings the contender up and waits until it carries echo
// requests. On error nothing is left.
func begin(ctx context.Context, c Contender, st stage) (_ *lab.Lab, _ *Running, err error) {
	st.topology.Name, st.topology.PeerOffloads = labName(string(st.kind)), !c.Plain
	l, err := lab.Build(ctx, st.topology)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := errors.Join(l.A.QuietIPv6(), farSide(l)); err != nil {
		return nil, nil, err
	}
	ends := map[*lab.Host][]string{l.A: slaveNames(l), l.B: {"eth0"}}
	if l.Switch == nil {
		ends[l.B] = slaveNames(l)
	}
	for h, names := range ends {
		for _, name := range names {
			if err := h.Offloads(name, !c.Plain); err != nil {
				return nil, nil, err
			}
		}
	}
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	on, err := c.Start(starting, l, st.kind)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil && on.Stop != nil {
			on.Stop()
		}
	}()
	if c.Plain {
		if err := l.A.Offloads(on.Ifname, false); err != nil {
			return nil, nil, err
		}
	}
	if err := l.AssignBoth(on.Ifname, on.far()); err != nil {
		return nil, nil, err
	}
	return l, on, settled(starting, l, c.Steady)
}

// settled waits until echo requests are answered, all of them for so long.
func settled(ctx context.Context, l *lab.Lab, steady time.Duration) error {
	var since time.Time
	for {
		_, err := runRTT(ctx, l, 1, startStep)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("carries nothing: %w", errors.Join(err, ctx.Err()))
		case err != nil:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		if err == nil && time.Since(since) >= steady {
			return nil
		}
	}
}

// farSide lets B take what comes on any of its links: they have one address,
// and the IP stack doesn't ask which way a packet came.
func farSide(l *lab.Lab) error {
	if l.Switch != nil || l.Topology.Slaves == 1 {
		return nil
	}
	for i := 1; i < l.Topology.Slaves; i++ {
		link, err := l.B.Handle.LinkByName(l.Link(i).Slave())
		if err != nil {
			return err
		}
		if err := l.B.Handle.LinkSetHardwareAddr(link, lab.PortMAC(0)); err != nil {
			return fmt.Errorf("%s: %w", link.Attrs().Name, err)
		}
	}
	return l.B.Do(func() error {
		files, err := filepath.Glob("/proc/sys/net/ipv4/conf/*/rp_filter")
		for _, f := range files {
			err = errors.Join(err, os.WriteFile(f, []byte("0"), 0))
		}
		return err
	})
}
