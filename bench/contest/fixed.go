package contest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// fixedSpec is numbered UDP at a fixed rate: what is lost, doubled or out of
// order is told to the frame.
type fixedSpec struct {
	rate int // frames a second
	imix bool
	in   bool
}

func fixedRates() (all []fixedSpec) {
	for _, mix := range []bool{false, true} {
		for _, rate := range []int{20_000, 100_000} {
			all = append(all, fixedSpec{rate, mix, false}, fixedSpec{rate, mix, true})
		}
	}
	return all
}

func (f fixedSpec) name() string {
	kind := "small"
	if f.imix {
		kind = "imix"
	}
	return fmt.Sprintf("fixed-%s-%dk-%s", kind, f.rate/1000, wayName(f.in))
}

// fixedFlows is the number of flows of each size.
const fixedFlows = 16

// parts are the sizes of UDP payload with their share of 12 frames.
func (f fixedSpec) parts() map[int]int {
	if !f.imix {
		return map[int]int{traffic.MinPayload: 12} // frames of 74 octets
	}
	parts := map[int]int{}
	for _, size := range imix {
		parts[max(traffic.MinPayload, size-udpHeaders)]++
	}
	return parts
}

func (s *sheet) fixed(ctx context.Context, f fixedSpec) error {
	from, to, src, dst := s.lab.A, s.lab.B, lab.AddrA4.Addr(), lab.AddrB4.Addr()
	if f.in {
		from, to, src, dst = to, from, dst, src
	}
	var total traffic.FlowReport
	var errs []error
	var mu sync.Mutex
	var wg sync.WaitGroup
	u, err := s.measured(func() error {
		sending, stop := context.WithTimeout(ctx, s.slice)
		defer stop()
		first := uint16(1)
		for size, share := range f.parts() {
			cfg := traffic.FlowConfig{
				From: from, To: to, Src: src, Dst: dst, First: first, Flows: fixedFlows, Size: size, Rate: f.rate * share / 12,
			}
			first += fixedFlows
			wg.Go(func() {
				r, err := traffic.Run(sending, cfg)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				t := r.Receive.Total()
				total.Sent += t.Sent
				total.Received += t.Received
				total.Lost += t.Lost
				total.Reordered += t.Reordered
				total.Duplicated += t.Duplicated
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	if total.Received == 0 {
		return errors.New("nothing arrived")
	}
	name, what := f.name(), fmt.Sprintf("%d frames a second", f.rate)
	s.put(Metric{Name: name + "-lost", Unit: "%", Less: true, What: what + ": lost", Group: "Lost of UDP at a fixed rate"}, 100*float64(total.Lost)/float64(total.Sent), u)
	s.put(Metric{Name: name + "-reordered", Unit: "frames", Less: true, What: what + ": out of order within a flow"}, float64(total.Reordered), u)
	s.put(Metric{Name: name + "-duplicated", Unit: "frames", Less: true, What: what + ": more than once"}, float64(total.Duplicated), u)
	if len(s.on.PIDs) > 0 {
		m := Metric{Name: name + "-cpu", Unit: "µs/frame", Less: true, What: what, Group: "Processor time, UDP at a fixed rate"}
		s.put(m, float64(u.engine.Nanoseconds())/1e3/float64(total.Received), u)
	}
	return nil
}
