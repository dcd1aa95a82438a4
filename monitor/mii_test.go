package monitor

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the transcripts")

// TestMIITranscripts replays the scripts of testdata/mii: lines that begin with
// "> " are what happened, the rest is what a script's commands are answered.
//
//	config miimon updelay downdelay   in ms
//	add ID up|down, carrier ID up|down, remove ID, promote ID
//	warp DURATION     time passes; deadlines are served when they come
//	usable | unusable whether the bond has a slave to transmit on
//	show              states and what is left of delays
func TestMIITranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/mii/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, want)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("transcript differs (-want +got):\n%s", diff)
			}
		})
	}
}

// player runs one script in virtual time.
type player struct {
	m     *MII
	start time.Time
	now   time.Time
	ctx   Context
	ids   []int
	out   bytes.Buffer
}

func replay(t *testing.T, script []byte) []byte {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &player{m: NewMII(Config{}), start: start, now: start}
	sc := bufio.NewScanner(bytes.NewReader(script))
	for sc.Scan() {
		line := sc.Text()
		if strings.HasPrefix(line, "> ") {
			continue
		}
		fmt.Fprintln(&p.out, line)
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(line, "#") {
			if err := p.command(f); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	return p.out.Bytes()
}

func (p *player) command(f []string) error {
	var id, a, b, c int
	switch f[0] {
	case "config":
		if _, err := fmt.Sscan(strings.Join(f[1:], " "), &a, &b, &c); err != nil {
			return err
		}
		ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		p.step(Configure{Config{Interval: ms(a), UpDelay: ms(b), DownDelay: ms(c)}})
	case "add", "carrier", "remove", "promote":
		if _, err := fmt.Sscan(f[1], &id); err != nil {
			return err
		}
		switch f[0] {
		case "add":
			p.ids = append(p.ids, id)
			p.step(Added{ID: id, Carrier: f[2] == "up"})
		case "carrier":
			p.step(Carrier{ID: id, Up: f[2] == "up"})
		case "remove":
			p.step(Removed{ID: id})
		case "promote":
			p.m.Promote(id)
		}
	case "usable", "unusable":
		p.ctx.NoneUsable = f[0] == "unusable"
	case "warp":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			return err
		}
		end := p.now.Add(d)
		for at, ok := p.m.Next(); ok && !at.After(end); at, ok = p.m.Next() {
			p.now = at
			p.step(Tick{})
		}
		p.now = end
	case "show":
		for _, id := range p.ids {
			fmt.Fprintf(&p.out, "> %d %s, %v left\n", id, p.m.Link(id), p.m.Remaining(p.now, id))
		}
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

func (p *player) step(ev Event) {
	for _, e := range p.m.Step(p.now, ev, p.ctx, nil) {
		fmt.Fprintf(&p.out, "> %v: %d %s -> %s (%v)\n", p.now.Sub(p.start), e.ID, e.From, e.To, e.Delay)
		if e.To == LinkUp {
			p.ctx.NoneUsable = false // as a bond would
		}
	}
}

// TestMIIProperties drives random histories and checks what must always hold.
func TestMIIProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Interval: 100 * time.Millisecond}
		cfg.UpDelay = time.Duration(rapid.IntRange(0, 5).Draw(t, "updelay")) * cfg.Interval
		cfg.DownDelay = time.Duration(rapid.IntRange(0, 5).Draw(t, "downdelay")) * cfg.Interval
		m := NewMII(cfg)
		now := time.Unix(0, 0)
		state := map[int]Link{}
		carrier := map[int]bool{}
		changed := map[int]time.Time{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "ms")) * time.Millisecond)
			id := rapid.IntRange(1, 4).Draw(t, "id")
			var ev Event = Tick{}
			if _, known := carrier[id]; !known {
				up := rapid.Bool().Draw(t, "up")
				ev, carrier[id], changed[id] = Added{ID: id, Carrier: up}, up, now
			} else if rapid.Bool().Draw(t, "flip") {
				carrier[id] = !carrier[id]
				ev, changed[id] = Carrier{ID: id, Up: carrier[id]}, now
			}
			skip := rapid.Bool().Draw(t, "unusable")
			effects := m.Step(now, ev, Context{NoneUsable: skip}, nil)
			if a, ok := ev.(Added); ok {
				if len(effects) != 0 && a.ID == effects[0].ID {
					t.Fatalf("step %d: an added slave has effects %v", i, effects)
				}
				state[a.ID] = m.Link(a.ID)
			}
			if len(effects) > 2*len(state) {
				t.Fatalf("step %d: %d effects for %d slaves", i, len(effects), len(state))
			}
			for _, e := range effects {
				if e.From != state[e.ID] || e.From == e.To {
					t.Fatalf("step %d: effect %v on a slave that was %v", i, e, state[e.ID])
				}
				state[e.ID] = e.To
			}
			for id, l := range state {
				if l != m.Link(id) {
					t.Fatalf("step %d: slave %d is %v, effects said %v", i, id, m.Link(id), l)
				}
				if l == LinkDown && carrier[id] || l == LinkUp && !carrier[id] {
					t.Fatalf("step %d: slave %d is %v with carrier %v", i, id, l, carrier[id])
				}
			}
			_, added := ev.(Added) // serves nobody: the caller comes back with a Tick
			if at, ok := m.Next(); ok && at.Before(now) && !added {
				t.Fatalf("step %d: deadline %v passed unserved", i, now.Sub(at))
			}
		}
		// Left alone, every link becomes what its carrier says.
		for range 2 {
			now = now.Add(cfg.UpDelay + cfg.DownDelay)
			m.Step(now, Tick{}, Context{}, nil)
		}
		for id, up := range carrier {
			if want := map[bool]Link{true: LinkUp, false: LinkDown}[up]; m.Link(id) != want {
				t.Fatalf("in the end slave %d is %v, carrier %v", id, m.Link(id), up)
			}
		}
	})
}
