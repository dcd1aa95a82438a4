package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// Many bonds are taken over and undone side by side, and each takes little memory.
func TestManyBonds(t *testing.T) {
	n := pick(12, 64)
	s := serve(t, lab.Topology{Slaves: 1})
	var make strings.Builder
	for i := range 2 * n {
		fmt.Fprintf(&make, "link add many%d type veth peer name wire%d\nlink set wire%d up\n", i, i, i)
	}
	batch := s.lab.A.Command(t.Context(), "ip", "-batch", "-")
	batch.Stdin = strings.NewReader(make.String())
	if out, err := batch.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	was := s.manyLook()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	options, _, err := option.ParseWords(strings.Fields("mode active-backup miimon 100"))
	s.must(err)
	began := time.Now()
	for i := range n {
		name := fmt.Sprintf("bond%d", i)
		_, err := s.client.Create(ctx, control.CreateRequest{Name: name, Options: options})
		s.must(err)
		for k := range 2 {
			s.must(s.client.Enslave(ctx, name, fmt.Sprintf("many%d", 2*i+k)))
		}
		s.ip("link set " + name + " up")
	}
	s.must(s.client.Sync(ctx))
	t.Logf("%d bonds made in %v", n, time.Since(began))
	rss := s.resident()
	t.Logf("%d MB resident, %.1f MB a bond", rss>>20, float64(rss)/float64(n)/(1<<20))
	if most := pick(30<<20+3<<20*n, 3<<20*n); rss > most && !labtest.RaceEnabled { // which takes memory, too
		t.Errorf("%d MB resident with %d bonds", rss>>20, n)
	}
	all := func() {
		t.Helper()
		bonds, err := s.client.Bonds(ctx)
		s.must(err)
		for _, b := range bonds {
			if len(b.Slaves) != 2 || b.Active == "" || !b.Carrier {
				t.Errorf("%s: %d slaves, active %q, carrier %v", b.Name, len(b.Slaves), b.Active, b.Carrier)
			}
		}
		if len(bonds) != n {
			t.Errorf("%d bonds of %d", len(bonds), n)
		}
	}
	all()
	s.kill()
	began = time.Now()
	s.daemon()
	took := time.Since(began)
	t.Logf("taken over in %v", took)
	if most := pick(5*time.Second, 300*time.Millisecond); took > most {
		t.Errorf("taken over in %v, not %v", took, most)
	}
	all()
	began = time.Now()
	s.down()
	took = time.Since(began)
	t.Logf("undone in %v", took)
	if most := pick(5*time.Second, time.Second); took > most {
		t.Errorf("undone in %v, not %v", took, most)
	}
	if is := s.manyLook(); is != was {
		t.Errorf("was\n%s\nis\n%s", was, is)
	}
}

// manyLook is what is to be as before: the NICs, their filters, no bonds.
func (s *served) manyLook() string {
	s.t.Helper()
	out, err := s.lab.A.Command(s.t.Context(), "sh", "-c", "ip -o link | grep -E ': (many|bond)' | sed 's/qdisc.*link/link/'; tc qdisc | grep -c clsact").CombinedOutput()
	if err != nil && len(out) == 0 {
		s.t.Fatal(err)
	}
	return string(out)
}

// resident is the daemon's memory in bytes.
func (s *served) resident() (bytes int) {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.proc.PID()))
	s.must(err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	_, err = fmt.Sscan(rest, &bytes)
	s.must(err)
	return bytes << 10
}
