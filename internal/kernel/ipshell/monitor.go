package ipshell

import (
	"context"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/internal/control"
)

// gather is how long `ip monitor` waits for more text before it prints: the
// kernel announces a device before the daemon knows its bond.
const gather = 50 * time.Millisecond

// monitorPrefix is what ip monitor puts in front of an event: time, kind,
// "Deleted".
var monitorPrefix = regexp.MustCompile(`^(?:\[[^\]\n]*\] ?)*(?:Deleted )?`)

// monitor prints events as the installed ip does, links with our bonds in them.
// Events of other namespaces, and those in a file, are the installed ip's.
func (s *Shell) monitor(ctx context.Context, g *globals, words, whole []string) int {
	if g.brief || slices.ContainsFunc(words, func(w string) bool { return w == "all-nsid" || w == "file" || w == "help" }) {
		return s.real(ctx, whole...)
	}
	cmd := s.command(ctx, whole...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s.status(err)
	}
	cmd.Stdin, cmd.Stderr = s.Stdin, s.Stderr
	m := &monitored{shell: s, known: map[string]*picture{}}
	m.look(ctx)
	if err := cmd.Start(); err != nil {
		return s.status(err)
	}
	m.copy(ctx, out)
	return s.status(cmd.Wait())
}

// monitored is the state of an `ip monitor`.
type monitored struct {
	shell *Shell
	// known are the pictures in which devices were last bonds or slaves: an event
	// that says a device is gone comes when it is neither.
	known map[string]*picture
}

// copy prints what comes from in, until it ends.
func (m *monitored) copy(ctx context.Context, in io.Reader) {
	chunks := make(chan string)
	go func() {
		defer close(chunks)
		buf := make([]byte, 1<<16)
		for {
			n, err := in.Read(buf)
			if n > 0 {
				chunks <- string(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	for first := range chunks {
		text := first + more(chunks)
		_, _ = io.WriteString(m.shell.Stdout, m.weave(m.look(ctx), text))
	}
}

// more collects what follows at once, up to the end of a line.
func more(chunks <-chan string) string {
	var all strings.Builder
	quiet := time.NewTimer(gather)
	defer quiet.Stop()
	for begin := time.Now(); time.Since(begin) < 10*gather; quiet.Reset(gather) {
		select {
		case c, ok := <-chunks:
			if !ok {
				return all.String()
			}
			all.WriteString(c)
		case <-quiet.C:
			return all.String()
		}
	}
	return all.String()
}

// look asks the daemon, which may have come, or gone, since. One that doesn't
// answer in time is no reason to keep events back.
func (m *monitored) look(ctx context.Context) *picture {
	limited, cancel := context.WithTimeoutCause(ctx, lookLimit, &control.HungError{Waited: lookLimit})
	defer cancel()
	p, err := m.shell.askDaemon(ctx, limited)
	if err != nil {
		return &picture{}
	}
	for i := range p.bonds {
		m.known[p.bonds[i].Name] = p
		for _, slave := range p.bonds[i].Slaves {
			m.known[slave.Name] = p
		}
	}
	return p
}

// weave weaves the links in ip's text of events.
func (m *monitored) weave(now *picture, text string) string {
	var out strings.Builder
	for _, b := range blocks(text) {
		prefix := monitorPrefix.FindString(b)
		event := b[len(prefix):]
		if link := head.FindStringSubmatch(event); link != nil {
			p, name := now, link[2]
			if strings.HasSuffix(prefix, "Deleted ") {
				if was := m.known[name]; was != nil {
					p = was
				}
				delete(m.known, name)
			}
			w := &weaver{picture: p, keep: func(string) bool { return true }}
			event = w.text(event)
		}
		out.WriteString(prefix + event)
	}
	return out.String()
}
