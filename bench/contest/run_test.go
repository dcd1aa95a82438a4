package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/labtest"
)

var buildDir string // of the program

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if buildDir, err = os.MkdirTemp("", "tapbond-contest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(buildDir)
	return m.Run()
}

var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildDir, "tapbond")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/tapbond/tapbond/cmd/tapbond").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return binary, err
})

// built is the program, built for the tests.
func built(t *testing.T) string {
	labtest.NeedRoot(t)
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// TestRun has the usual contenders of this machine at work for a moment: it is
// not about the figures, but that there are some.
func TestRun(t *testing.T) {
	binary := built(t)
	usual, _ := Catalog(binary, t.TempDir())
	gone := Contender{Name: "gone", Missing: func(context.Context) error { return errors.New("not here") }}
	res, err := Run(t.Context(), Config{
		Rounds: 1, Slice: 200 * time.Millisecond, BuiltIn: true, Only: []string{"rtt-idle", "tcp1-out", "small-in"},
		Contenders: append(usual, gone),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Failed) > 0 {
		t.Errorf("failed: %v", res.Failed)
	}
	if res.Absent["gone"] != "not here" || slices.Contains(res.Contenders, "gone") {
		t.Errorf("contenders %v, absent %v: want gone absent", res.Contenders, res.Absent)
	}
	for _, c := range res.Contenders {
		for _, m := range []string{"rtt-p50", "tcp1-out", "tcp1-out-cpu", "small-in", "small-in-cpu"} {
			ofKernel := strings.HasSuffix(m, "-cpu") && (c == "veth" || c == "kernel")
			if s := res.Summary(c, m); (s.N == 1 && s.Median > 0) == ofKernel {
				t.Errorf("%s %s: %+v", c, m, s)
			}
		}
	}
	for _, c := range []string{"veth", "tapbond", "naive"} {
		if !slices.Contains(res.Contenders, c) {
			t.Errorf("%s did not run; absent: %v", c, res.Absent)
		}
	}
	// Super-frames are ten times of it: whatever else the machine does.
	if r := res.Ratio("tapbond", "naive", "tcp1-out"); r.Median < 1.5 {
		t.Errorf("tapbond carries %.2f times what one frame at a time does", r.Median)
	}
}

// TestWorks has tapbond do one of each other kind of work.
func TestWorks(t *testing.T) {
	binary := built(t)
	res, err := Run(t.Context(), Config{
		Rounds: 1, Slice: 200 * time.Millisecond, BuiltIn: true,
		Only: []string{
			"rttload", "tcp4-v6-in", "imix-out", "fixed-small-20k-out", "fixed-imix-20k-in", "idle", "failover",
			"flows-out-4x1000", "flows-in-2x100", "limited-2", "rr-2",
		},
		Contenders: []Contender{Ours(OursConfig{Binary: binary})},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Failed) > 0 {
		t.Errorf("failed: %v", res.Failed)
	}
	// What a shared machine can't spoil.
	for metric, within := range map[string][2]float64{
		"rttload-p99":                  {1, 1e6},
		"rttload-tcp":                  {0.05, 1.2},
		"tcp4-v6-in":                   {0.05, 1e3},
		"imix-out-cpu":                 {0.1, 100},
		"fixed-small-20k-out-lost":     {0, 90},
		"fixed-imix-20k-in-reordered":  {0, 0},
		"fixed-small-20k-out-cpu":      {0.1, 1e3},
		"fixed-imix-20k-in-duplicated": {0, 0},
		"idle":                         {0, 50},
		"failover-gap":                 {0.01, 400},
		"failover-duplicated":          {0, 0},
		"flows-out-4x1000":             {0.001, 100},
		"flows-out-4x1000-spread":      {1, 1.5},
		"flows-in-2x100-cpu":           {0.1, 100},
		"limited-2":                    {50, 450},
		"limited-2-allowed":            {200, 400},
		"rr-2-share":                   {0.1, 1.1},
	} {
		if s := res.Summary("tapbond", metric); s.N != 1 || s.Median < within[0] || s.Median > within[1] {
			t.Errorf("%s: %+v: want one between %g and %g", metric, s, within[0], within[1])
		}
	}
}

// TestPartner: LACP has somebody to talk to, and is measured when it has done so.
func TestPartner(t *testing.T) {
	c := Ours(OursConfig{Mode: "802.3ad", Binary: built(t)})
	if !slices.Contains(SupportedModes(), "802.3ad") {
		t.Fatal("802.3ad is not supported")
	}
	res, err := Run(t.Context(), Config{Rounds: 1, Slice: 200 * time.Millisecond, BuiltIn: true, Only: []string{"small-out"}, Contenders: []Contender{c}})
	if err != nil || len(res.Failed) > 0 {
		t.Fatal(err, res.Failed)
	}
	if s := res.Summary("tapbond/802.3ad", "small-out"); s.Median <= 0 {
		t.Errorf("%+v", s)
	}
}

// TestPatience: of several tries the calmest counts, and the first calm one is
// the last.
func TestPatience(t *testing.T) {
	for name, tt := range map[string]struct {
		foreign []float64 // of each try; less than 0 fails
		want    float64   // the try that counts, 0: an error
		tries   int
	}{
		"calm at once":  {[]float64{0.1, 0}, 1, 1},
		"calm later":    {[]float64{0.9, 0.1, 0}, 2, 2},
		"never calm":    {[]float64{0.9, 0.5, 0.7}, 2, 3},
		"failed first":  {[]float64{-1, 0.5, 0.4}, 3, 3},
		"failed always": {[]float64{-1, -1, -1}, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			w := work{"x", func(_ context.Context, s *sheet) error {
				tries++
				f := tt.foreign[tries-1]
				if f < 0 {
					return errors.New("failed")
				}
				s.put(Metric{Name: "x"}, float64(tries), usage{foreign: f})
				return nil
			}}
			cfg := Config{Patience: 2, Slice: time.Second}
			res := new(Result)
			err := cfg.try(t.Context(), &sheet{res: res, sample: Sample{Contender: "c"}}, w)
			if (err != nil) != (tt.want == 0) || tries != tt.tries || res.Summary("c", "x").Median != tt.want {
				t.Errorf("error %v, %d tries, %+v", err, tries, res.Samples)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	usual, more := Catalog("", t.TempDir())
	all := append(usual, more...)
	for names, want := range map[string]string{
		"tapbond,veth":     "veth tapbond",
		"ovs*":             "ovs ovs-tso",
		"tapbond/queues-*": "tapbond/queues-2",
	} {
		got, err := Select(all, strings.Split(names, ","))
		if s := strings.Join(namesOf(got), " "); err != nil || s != want {
			t.Errorf("%s: %s, %v: want %s", names, s, err, want)
		}
	}
	if _, err := Select(all, []string{"veht"}); err == nil || !strings.Contains(err.Error(), "c-loop") {
		t.Errorf("error %v: want one that names those there are", err)
	}
	modes := SupportedModes()
	for _, m := range modes {
		if !slices.ContainsFunc(more, func(c Contender) bool { return strings.HasPrefix(c.Name, "tapbond/"+m) }) {
			t.Errorf("no variant of mode %s", m)
		}
	}
	if len(modes) < 4 {
		t.Errorf("modes %v", modes)
	}
}
