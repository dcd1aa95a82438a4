package contest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/lab"
)

// cutsPerRound are the links cut in a round, one after the other.
const cutsPerRound = 4

// failover cuts the link that carries 100,000 frames a second.
func failover(ctx context.Context, s *sheet) error {
	var gaps, lost []float64
	var reordered, duplicated float64
	u, err := s.measured(func() error {
		for range cutsPerRound {
			active, err := activeLink(ctx, s.lab)
			if err != nil {
				return err
			}
			r, err := bench.FailoverGap(ctx, bench.FailoverConfig{Lab: s.lab, Link: active})
			if err != nil {
				return err
			}
			if r.NewLink < 0 {
				return fmt.Errorf("no link took over from %d", active)
			}
			gaps = append(gaps, float64(r.Gap.Microseconds())/1e3)
			lost = append(lost, float64(r.Flow.Lost))
			reordered += float64(r.Flow.Reordered)
			duplicated += float64(r.Flow.Duplicated)
			if err := mend(ctx, s.lab, active); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	const what = "the active link of two is cut at 100,000 frames a second"
	s.put(Metric{Name: "failover-gap", Unit: "ms", Less: true, What: what + ": nothing arrives", Group: "Failover"}, Summarize(gaps).Median, u)
	s.put(Metric{Name: "failover-worst", Unit: "ms", Less: true, What: what + ": the longest of a round", Group: "Failover"}, Summarize(gaps).Max, u)
	s.put(Metric{Name: "failover-lost", Unit: "frames", Less: true, What: what}, Summarize(lost).Median, u)
	s.put(Metric{Name: "failover-reordered", Unit: "frames", Less: true, What: what}, reordered, u)
	s.put(Metric{Name: "failover-duplicated", Unit: "frames", Less: true, What: what}, duplicated, u)
	return nil
}

// mend plugs a link in again and waits until a bond has taken it back: with a
// monitor that looks every 100 ms, after that.
func mend(ctx context.Context, l *lab.Lab, link int) error {
	const tookBack = 300 * time.Millisecond
	if _, err := l.Link(link).Carrier(true); err != nil {
		return err
	}
	return errors.Join(pause(ctx, tookBack), l.AwaitSilence(ctx, 100*time.Millisecond))
}

// activeLink is the one that carries what A sends.
func activeLink(ctx context.Context, l *lab.Lab) (int, error) {
	before, err := sentOver(l)
	if err != nil {
		return 0, err
	}
	if _, err := runRTT(ctx, l, 20, time.Millisecond); err != nil {
		return 0, err
	}
	after, err := sentOver(l)
	best, most := 0, uint64(0)
	for i := range after {
		if n := after[i].TxFrames - before[i].TxFrames; n > most {
			best, most = i, n
		}
	}
	return best, err
}

// sentOver are the counters of A's links.
func sentOver(l *lab.Lab) ([]lab.LinkStats, error) {
	all := make([]lab.LinkStats, l.Topology.Slaves)
	for i := range all {
		var err error
		if all[i], err = l.A.Stats(l.Link(i).Slave()); err != nil {
			return nil, err
		}
	}
	return all, nil
}
