package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// FrameEnd is an interface that frames are sent or received at.
type FrameEnd struct {
	At     Place
	Ifname string
}

// FrameResult is what became of one frame.
type FrameResult struct {
	Spec FrameSpec
	Sent []byte
	// Err is why the kernel refused to send it.
	Err error
	// Got are the copies that arrived, found by the number in their payload.
	Got [][]byte
}

// Intact reports whether exactly one copy arrived, equal in every octet.
func (r FrameResult) Intact() bool {
	return len(r.Got) == 1 && bytes.Equal(r.Got[0], r.Sent)
}

// String says what happened, for a failed test.
func (r FrameResult) String() string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("refused: %v", r.Err)
	case r.Intact():
		return "intact"
	case len(r.Got) == 0:
		return "lost"
	}
	s := fmt.Sprintf("%d copies of %d octets:", len(r.Got), len(r.Sent))
	for _, g := range r.Got {
		at := 0
		for at < min(len(g), len(r.Sent)) && g[at] == r.Sent[at] {
			at++
		}
		if at == len(g) && at == len(r.Sent) {
			s += " equal;"
			continue
		}
		s += fmt.Sprintf(" %d octets, differs from %d on (sent %x got %x);", len(g), at,
			window(r.Sent, at), window(g, at))
	}
	return s
}

func window(b []byte, at int) []byte { return b[min(at, len(b)):min(at+8, len(b))] }

// frameFlow marks the payloads of Exchange, so that other numbered traffic is
// not taken for them.
const frameFlow = 0xfeed

// Exchange sends each frame at one end, collects what arrives at the other,
// and compares octet for octet. It waits for all, or until nothing has come
// for 100 ms after the last was sent. Copies that come later are missed: where
// duplicates matter, look at more than one frame.
func Exchange(ctx context.Context, from, to FrameEnd, specs []FrameSpec) ([]FrameResult, error) {
	in, err := ListenFrames(to.At, to.Ifname, nil)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := ListenFrames(from.At, from.Ifname, nil)
	if err != nil {
		return nil, err
	}
	defer out.Close()

	results := make([]FrameResult, len(specs))
	run := Now() // tells this run's frames from stragglers of another
	sent := make(chan int, 1)
	go func() {
		n := 0
		for i := range specs {
			if ctx.Err() != nil {
				break
			}
			r := &results[i]
			r.Spec = specs[i]
			if r.Sent, r.Err = specs[i].Append(nil, Header{Flow: frameFlow, Seq: uint64(i), Sent: run}); r.Err != nil {
				continue
			}
			if r.Err = out.Send(r.Sent); r.Err == nil {
				n++
			}
		}
		sent <- n
	}()
	const patience = 100 * time.Millisecond
	got := make([][][]byte, len(specs))
	arrived, expected := 0, -1
	in.SetDeadline(time.Now().Add(patience))
	for expected < 0 || arrived < expected {
		frame, _, err := in.Receive()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if expected < 0 {
				expected = <-sent // no later than the frames themselves
				in.SetDeadline(time.Now().Add(patience))
				continue
			}
			break
		}
		if err != nil {
			<-sent
			return nil, err
		}
		h, ok := FindPayload(frame)
		if !ok || h.Flow != frameFlow || h.Sent != run || h.Seq >= uint64(len(specs)) {
			continue
		}
		if got[h.Seq] = append(got[h.Seq], bytes.Clone(frame)); len(got[h.Seq]) == 1 {
			arrived++
		}
		if expected < 0 {
			select {
			case expected = <-sent:
			default:
			}
		}
		in.SetDeadline(time.Now().Add(patience))
	}
	if expected < 0 {
		<-sent
	}
	// Copies of the last frames may be right behind.
	in.SetDeadline(time.Now().Add(patience / 5))
	for {
		frame, _, err := in.Receive()
		if err != nil {
			break
		}
		if h, ok := FindPayload(frame); ok && h.Flow == frameFlow && h.Sent == run && h.Seq < uint64(len(specs)) {
			got[h.Seq] = append(got[h.Seq], bytes.Clone(frame))
		}
	}
	for i := range results {
		results[i].Got = got[i]
	}
	return results, ctx.Err()
}
