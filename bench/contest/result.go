package contest

import (
	"encoding/json"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Metric names a figure and tells how to read it.
type Metric struct {
	Name string `json:"name"` // unique, as "tcp1-out"
	Unit string `json:"unit"`
	// Less is better, else more is.
	Less bool `json:"less,omitempty"`
	// What says what was measured, "" where the name does.
	What string `json:"what,omitempty"`
	// Group is the title of the picture that it belongs in, "" for none. Within
	// one units are the same. Where X isn't 0 the picture is of lines over X,
	// one for each Series.
	Group  string  `json:"group,omitempty"`
	Series string  `json:"series,omitempty"`
	X      float64 `json:"x,omitempty"`
}

// Sample is one figure of one contender in one round.
type Sample struct {
	Round     int     `json:"round"`
	Contender string  `json:"contender"`
	Metric    string  `json:"metric"`
	Value     float64 `json:"value"`
	// Stolen is the number of processors that other machines on the same
	// hardware took while it was measured.
	Stolen float64 `json:"stolen"`
	// Foreign is the number of processors that were busy with what isn't the
	// run's, meanwhile.
	Foreign float64 `json:"foreign"`
}

// Machine is where a run was made.
type Machine struct {
	Kernel     string `json:"kernel"`
	Processors int    `json:"processors"`
	Model      string `json:"model,omitempty"`
	Go         string `json:"go"`
	TCP        string `json:"tcp"` // what sent TCP
}

// Result is what a run leaves.
type Result struct {
	Version string    `json:"version"`
	Began   time.Time `json:"began"`
	Machine Machine   `json:"machine"`
	Rounds  int       `json:"rounds"`
	Slice   float64   `json:"slice"` // seconds of each load
	// Foreign is the number of processors that were busy before each round,
	// with nothing of the run's own.
	Foreign    []float64         `json:"foreign"`
	Contenders []string          `json:"contenders"`
	Notes      map[string]string `json:"notes,omitempty"`
	Absent     map[string]string `json:"absent,omitempty"` // with the reason
	Metrics    []Metric          `json:"metrics"`
	Samples    []Sample          `json:"samples"`
	// Failed are measurements that did not come about.
	Failed []string `json:"failed,omitempty"`
}

// Values are a contender's figures of a metric by round.
func (r *Result) Values(contender, metric string) map[int]float64 {
	out := map[int]float64{}
	for _, s := range r.Samples {
		if s.Contender == contender && s.Metric == metric {
			out[s.Round] = s.Value
		}
	}
	return out
}

// Summary summarizes a contender's figures of a metric.
func (r *Result) Summary(contender, metric string) Summary {
	var v []float64
	for _, x := range r.Values(contender, metric) {
		v = append(v, x)
	}
	return Summarize(v)
}

// During summarizes the foreign load of all samples.
func (r *Result) During() Summary {
	var v []float64
	for _, s := range r.Samples {
		v = append(v, s.Foreign)
	}
	return Summarize(v)
}

// take adds another result's samples.
func (r *Result) take(other *Result) {
	for _, m := range other.Metrics {
		for _, s := range other.Samples {
			if s.Metric == m.Name {
				r.Add(m, s)
			}
		}
	}
}

// Ratio summarizes a's figures divided by b's, round by round.
func (r *Result) Ratio(a, b, metric string) Summary {
	return Summarize(ratios(r.Values(a, metric), r.Values(b, metric)))
}

// Add appends a sample; a metric is noted when it is first seen.
func (r *Result) Add(m Metric, s Sample) {
	if !slices.Contains(r.Metrics, m) {
		r.Metrics = append(r.Metrics, m)
	}
	s.Metric = m.Name
	r.Samples = append(r.Samples, s)
}

// WriteJSON writes the result for a later comparison.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(rd io.Reader) (*Result, error) {
	r := new(Result)
	return r, json.NewDecoder(rd).Decode(r)
}

func thisMachine(builtIn bool) Machine {
	m := Machine{Processors: runtime.NumCPU(), Go: runtime.Version(), TCP: tcpTool(builtIn)}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.Model = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}
