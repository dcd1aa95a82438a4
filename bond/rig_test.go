package bond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/vnet"
)

// rig is an engine with one bond in virtual time.
type rig struct {
	t   *testing.T
	sys *fakeSystem
	e   *Engine
	b   *Bond
	tap *fakeTAP
}

// run makes a bond over the NICs, sets it up, and runs fn in virtual time.
func run(t *testing.T, options string, nics []string, fn func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSystem(nics...), options, nics)
		r.must(r.b.SetUp(t.Context()))
		fn(r)
		if err := r.e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// newRig makes a bond that is down over the NICs.
func newRig(t *testing.T, sys *fakeSystem, options string, nics []string) *rig {
	t.Helper()
	r := &rig{t: t, sys: sys}
	r.e = NewEngine(r.sys, NewBus(), nil)
	assigns, rest, err := option.ParseWords(strings.Fields(options))
	if err != nil || len(rest) > 0 {
		t.Fatal(err, rest)
	}
	if r.b, err = r.e.Create(t.Context(), Config{Name: "bond0", Options: assigns}); err != nil {
		t.Fatal(err)
	}
	r.tap, _ = r.b.dev.(*fakeTAP)
	for _, n := range nics {
		r.must(r.b.Enslave(t.Context(), n))
	}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) set(words string) error {
	a, rest, err := option.ParseWords(strings.Fields(words))
	if err != nil || len(rest) > 0 {
		return errors.Join(err, fmt.Errorf("rest %v", rest))
	}
	return r.b.Set(r.t.Context(), option.ViaNetlink, a)
}

func (r *rig) state() State {
	r.t.Helper()
	synctest.Wait()
	st, err := r.b.State()
	r.must(err)
	return st
}

// log returns the engine's lines so far.
func (r *rig) log() []string {
	synctest.Wait()
	var out []string
	events, _ := r.e.bus.Since(r.t.Context(), 0)
	for i := range events {
		out = append(out, events[i].Text())
	}
	return out
}

// transmit has the host send a frame and returns which slaves sent it on.
func (r *rig) transmit(frame []byte) []string {
	r.t.Helper()
	before := map[string]int{}
	count := func(out map[string]int) {
		r.sys.mu.Lock()
		defer r.sys.mu.Unlock()
		for i, p := range r.sys.ports {
			if l := r.sys.links[i]; l != nil {
				out[l.Name] = p.written()
			}
		}
	}
	count(before)
	r.tap.q.in <- []vnet.Packet{{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)}}
	if r.b.lag != nil {
		pass(2 * holdTime) // it may have to wait
	}
	synctest.Wait()
	after := map[string]int{}
	count(after)
	var out []string
	for n, c := range after {
		for range c - before[n] {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// receive has a slave hear a frame and reports whether the host got it.
func (r *rig) receive(slave string, frame []byte) bool {
	r.t.Helper()
	n := r.tap.q.written()
	r.port(r.sys.index(slave)).in <- []vnet.Packet{{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)}}
	synctest.Wait()
	return r.tap.q.written() > n
}

// Frames of tests.
var (
	toPeer    = frameOf("02 00 00 00 00 aa 02 00 00 00 00 00 88 b5")
	toBond    = frameOf("02 00 00 00 00 00 02 00 00 00 00 aa 88 b5")
	flooded   = frameOf("ff ff ff ff ff ff 02 00 00 00 00 aa 88 b5")
	ownBack   = frameOf("ff ff ff ff ff ff 02 00 00 00 00 00 88 b5")
	bpdu      = frameOf("01 80 c2 00 00 00 02 00 00 00 00 aa 00 26")
	slowProto = frameOf("01 80 c2 00 00 02 02 00 00 00 00 aa 88 09")
)

func frameOf(hex string) []byte {
	b := make([]byte, 0, 60)
	for f := range strings.FieldsSeq(hex) {
		var x byte
		fmt.Sscanf(f, "%02x", &x)
		b = append(b, x)
	}
	return append(b, make([]byte, 60-len(b))...)
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// link returns a link as it is.
func (r *rig) link(index int) link.Info {
	r.t.Helper()
	i, err := r.sys.LinkByIndex(index)
	r.must(err)
	return i
}

// unplugNIC has a link vanish.
func (r *rig) unplugNIC(index int) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	delete(r.sys.links, index)
}

// failing has a call ("op index") answer err from now on.
func (r *rig) failing(call string, err error) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	r.sys.fail[call] = err
}

func (r *rig) port(index int) *fakePort {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	return r.sys.ports[index]
}

func (p *fakePort) membership() nic.Membership {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.member
}

func (r *rig) announced() int {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	return len(r.sys.sent)
}
