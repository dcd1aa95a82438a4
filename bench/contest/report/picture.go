package report

import (
	"html/template"

	"github.com/tapbond/tapbond/bench/contest"
)

// group are the metrics of one picture.
type group struct {
	title   string
	metrics []contest.Metric
}

// groups gathers the metrics that share a picture, in the order they came.
func groups(r *contest.Result) []*group {
	var out []*group
	byTitle := map[string]*group{}
	for _, m := range r.Metrics {
		if m.Group == "" {
			continue
		}
		g := byTitle[m.Group]
		if g == nil {
			g = &group{title: m.Group}
			byTitle[m.Group] = g
			out = append(out, g)
		}
		g.metrics = append(g.metrics, m)
	}
	return out
}

func (g *group) draw(r *contest.Result) (template.HTML, error) {
	if g.metrics[0].X > 0 {
		return lines(g, r)
	}
	return bars(g, r)
}

// who are the contenders that have a figure in the group.
func (g *group) who(r *contest.Result) (out []string) {
	for _, c := range r.Contenders {
		for _, m := range g.metrics {
			if r.Summary(c, m.Name).N > 0 {
				out = append(out, c)
				break
			}
		}
	}
	return out
}
