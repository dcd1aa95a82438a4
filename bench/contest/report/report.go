package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"

	"github.com/tapbond/tapbond/bench/contest"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"figure": contest.Figure}).Parse(page))

// data is what the template gets.
type data struct {
	*contest.Result
	Foreign   contest.Summary // the load besides, before the rounds
	During    contest.Summary // and meanwhile
	Scores    []contest.Score
	Rows      []row
	Pictures  []picture
	Reference string
}

// row is a metric with a cell for each contender.
type row struct {
	contest.Metric
	Cells []string
}

type picture struct {
	Title string
	SVG   template.HTML
}

// Write writes the page.
func Write(w io.Writer, r *contest.Result) error {
	d := data{Result: r, Foreign: contest.Summarize(r.Foreign), During: r.During()}
	if len(r.Contenders) > 0 {
		d.Reference = r.Contenders[0]
	}
	d.Scores = slices.DeleteFunc(r.Scores(), func(s contest.Score) bool { return s.Verdict == contest.NotMeasured })
	for _, m := range r.Metrics {
		cells := make([]string, len(r.Contenders))
		for i, c := range r.Contenders {
			cells[i] = r.Cell(c, m)
		}
		d.Rows = append(d.Rows, row{m, cells})
	}
	for _, g := range groups(r) {
		svg, err := g.draw(r)
		if err != nil {
			return err
		}
		d.Pictures = append(d.Pictures, picture{g.title, svg})
	}
	return pageTemplate.Execute(w, d)
}
