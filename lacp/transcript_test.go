package lacp

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the transcripts' commands answer into them")

// TestTranscripts replays testdata/*.txt: lines that begin with ">" are commands,
// what follows them is what happened. They are meant to be read.
//
//	> config slow passive max_links=1 …   settings, before anything else
//	> ports p1 p2                        ports with link at 10 Gb/s; bond up
//	> partner p1 key=18 …                the partner's side of a port, and it speaks
//	> silent p1                          it no longer does
//	> link p1 down                       or up, or a speed in Mb/s
//	> warp 2.5s                          time passes
//	> leave p1, remove p1, up, down
//	> show                               all there is to see
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatal("transcripts are missing: ", files, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(old))
			if *update {
				if err := os.WriteFile(f, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(old) {
				t.Errorf("%s is no longer so (-update shows how):\n%s", f, got)
			}
		})
	}
}

type player struct {
	*world
	t   *testing.T
	cfg Config
	out strings.Builder
}

// replay runs the commands of a transcript and returns it with their answers.
func replay(t *testing.T, text string) string {
	p := &player{t: t, cfg: fastConfig()}
	p.begin()
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "> "):
			fmt.Fprintln(&p.out, line)
			p.command(strings.Fields(line[2:]))
		case strings.HasPrefix(line, "#"), line == "":
			fmt.Fprintln(&p.out, line)
		}
	}
	return p.out.String()
}

func (p *player) begin() {
	p.world = newWorld(p.cfg)
	p.trace = func(s string) { fmt.Fprintln(&p.out, s) }
}

func (p *player) id(name string) PortID {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "p"))
	if err != nil {
		p.t.Fatal(err)
	}
	return PortID(n)
}

func (p *player) command(w []string) {
	switch w[0] {
	case "config":
		p.configure(w[1:])
	case "ports":
		for _, n := range w[1:] {
			p.step(PortAdded{Port: p.id(n), Name: n, Priority: DefaultPortPriority})
		}
		p.step(Admin{true})
		for _, n := range w[1:] {
			p.link(p.id(n), true)
		}
	case "partner":
		pe := p.peer(p.id(w[1]))
		for _, s := range w[2:] {
			p.adjust(pe, s)
		}
		if pe.on {
			p.step(pe.say())
		}
		p.start(pe.port)
	case "silent":
		p.peer(p.id(w[1])).on = false
	case "link":
		l := PortLink{Port: p.id(w[1]), Up: w[2] != "down", Mbps: 10000}
		if n, err := strconv.Atoi(w[2]); err == nil {
			l.Mbps = uint32(n)
		}
		p.step(l)
	case "prio":
		p.step(PortPriority{p.id(w[1]), uint16(p.number(w[2]))})
	case "warp":
		d, err := time.ParseDuration(w[1])
		if err != nil {
			p.t.Fatal(err)
		}
		p.warp(d)
	case "leave":
		p.step(PortLeaving{p.id(w[1])})
	case "remove":
		p.step(PortRemoved{p.id(w[1])})
	case "up", "down":
		p.step(Admin{w[0] == "up"})
	case "show":
		st := p.m.State(p.now)
		p.out.WriteString(show(&st))
	default:
		p.t.Fatalf("no command %q", w)
	}
}

func (p *player) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *player) configure(words []string) {
	for _, s := range words {
		k, v, _ := strings.Cut(s, "=")
		switch k {
		case "slow":
			p.cfg.Fast = false
		case "passive":
			p.cfg.Active = false
		case "independent":
			p.cfg.Coupled = false
		case "max_links":
			p.cfg.MaxLinks = p.number(v)
		case "min_links":
			p.cfg.MinLinks = p.number(v)
		case "sys_prio":
			p.cfg.System.Priority = uint16(p.number(v))
		case "fallback":
			p.cfg.Fallback = map[string]Fallback{"single": FallbackSingle, "active-backup": FallbackActiveBackup}[v]
		default:
			p.t.Fatalf("no setting %q", s)
		}
	}
	if len(p.m.ports) == 0 {
		p.begin()
	} else {
		p.step(Configure{p.cfg})
	}
}

func (p *player) adjust(pe *peer, s string) {
	k, v, _ := strings.Cut(s, "=")
	bit := map[string]Bits{"sync": Synchronization, "active": Activity, "short": ShortTimeout, "aggregatable": Aggregation}
	switch k {
	case "system":
		pe.info.System[5] = byte(p.number(v))
	case "key":
		pe.info.Key = uint16(p.number(v))
	case "prio":
		pe.info.PortPriority = uint16(p.number(v))
	case "port":
		pe.info.Port = uint16(p.number(v))
	case "collects":
		pe.lazy = v == "no"
	case "deaf":
		pe.wrong = nil
		if v == "yes" {
			pe.wrong = func(i *Info) { *i = Info{} }
		}
	default:
		if bit[k] == 0 {
			p.t.Fatalf("a partner has no %q", s)
		}
		pe.info.State = pe.info.State.With(bit[k], v != "no")
	}
}

// show is a state as people read it.
func show(st *State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  system %s  carrier %s\n", st.System, onOff(st.Carrier))
	for _, a := range st.Aggregators {
		mark := " "
		if a.Active {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s aggregator %d  key %d  partner %s key %d  ports %d, carrying %d\n", mark, a.ID, a.ActorKey, a.Partner, a.PartnerKey, a.NumPorts, a.Distributing)
	}
	for i := range st.Ports {
		p := &st.Ports[i]
		fmt.Fprintf(&b, "  %s  aggregator %d  actor %s  partner %s  %s, %s, %s  churn %s/%s\n", p.Name, p.Aggregator,
			p.Actor.State.short(), p.Partner.State.short(), p.Receive, p.Selected, p.Mux, p.ActorChurn, p.PartnerChurn)
		fmt.Fprintf(&b, "      %s: %s\n", p.Why, p.Reason)
	}
	return b.String()
}
