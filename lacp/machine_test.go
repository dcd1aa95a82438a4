package lacp

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/labtest"
)

// ExampleMachine has two Machines find each other over one link.
func ExampleMachine() {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	start := now
	var ends [2]*Machine
	for i := range ends {
		ends[i] = New(Config{System: System{65535, MAC{2, 0, 0, 0, 0, byte(i)}}, Active: true, Fast: true, Coupled: true})
		ends[i].Step(now, PortAdded{Port: 1, Name: "eth0", Priority: DefaultPortPriority}, nil)
		ends[i].Step(now, Admin{Up: true}, nil)
	}
	// handle carries out the effects of one end, some of which are events of the
	// other one.
	var handle func(end int, effects []Effect)
	handle = func(end int, effects []Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case SendPDU:
				handle(1-end, ends[1-end].Step(now, PDU(e), nil))
			case SetDistributing:
				fmt.Printf("%v: end %d distributing %v\n", now.Sub(start), end, e.On)
			}
		}
	}
	for i := range ends {
		handle(i, ends[i].Step(now, PortLink{Port: 1, Up: true, Mbps: 10000}, nil))
	}
	for now.Sub(start) < 3*time.Second {
		now, _ = ends[0].Next()
		for i := range ends {
			handle(i, ends[i].Step(now, Tick{}, nil))
		}
	}
	fmt.Println(ends[0].State(now).Ports[0].Reason)
	// Output:
	// 2s: end 0 distributing true
	// 2s: end 1 distributing true
	// in sync with partner 65535/02:00:00:00:00:01 key 15 port 1
}

// A PDU that brings nothing new costs nothing: a flood of them is no load.
func TestPDUNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		return // the race detector allocates
	}
	w := healthyWorld(t, fastConfig())
	say := w.peer(1).say()
	frame := say.PDU.AppendFrame(nil, MAC{2})
	junk := append([]byte(nil), frame...)
	junk[17] = 7
	var out []Effect
	for what, f := range map[string][]byte{"PDU": frame, "illegal PDU": junk} {
		var ev Event = Frame{Port: 1, Data: f}
		if n := testing.AllocsPerRun(1000, func() { out = w.m.Step(w.now, ev, out[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
		if len(out) != 0 {
			t.Errorf("%s: %v", what, out)
		}
	}
}

// The time is an argument. (That there are no sockets and the like is the
// business of policy's test of imports.)
func TestNoClock(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	banned := map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true, "NewTimer": true, "NewTicker": true}
	seen := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%v: a goroutine", files.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && banned[n.Sel.Name] {
					t.Errorf("%v: time.%s", files.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	if seen < 15 {
		t.Errorf("only %d files", seen)
	}
}

func TestEventsForNobody(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	for _, ev := range []Event{
		PortLeaving{9}, PortRemoved{9}, PortLink{Port: 9, Up: true}, PortPriority{9, 1}, PortRenamed{9, "x"}, Frame{Port: 9, Data: nil},
		PDU{Port: 9}, MarkerPDU{Port: 9}, SendFailed{9}, PortAdded{Port: 1, Name: "again"},
	} {
		w.step(ev)
		if len(w.out) != 0 {
			t.Errorf("%T: %v", ev, w.out)
		}
	}
	w.step(PortRenamed{1, "lan1"})
	expect(t, "name", w.st(1).Name, "lan1")
}

// A partner that changes its mind all the time doesn't fill the log, nor does
// it disturb another port.
func TestFlood(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	logs := 0
	w.trace = func(s string) {
		if strings.Contains(s, " log ") {
			logs++
		}
	}
	for i := range 10_000 {
		pdu := w.peer(1).say()
		pdu.PDU.Actor.System[4] = byte(i)
		w.step(pdu)
		w.warp(100 * time.Microsecond)
	}
	w.expectCarrying(t, "in a flood", 2)
	if logs > 30 {
		t.Errorf("%d messages in a second", logs)
	}
	if w.st(1).Counters.LogsSuppressed < 1000 {
		t.Error("what was left out isn't counted")
	}
	w.step(w.peer(1).say())
	w.warp(3 * time.Second)
	w.expectCarrying(t, "3 s after the flood", 1, 2)
	w.warp(10 * time.Second)
	if logs > 60 {
		t.Errorf("%d messages", logs)
	}
}
