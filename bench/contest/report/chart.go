package report

import (
	"bytes"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tapbond/tapbond/bench/contest"
)

const (
	width, height = 30 * vg.Centimeter, 10 * vg.Centimeter
	legendWidth   = 5 * vg.Centimeter // on the right
	// logFrom is the ratio of the highest to the lowest value from which a scale
	// is logarithmic.
	logFrom = 50
)

// palette is Okabe and Ito's, which colour-blind readers can tell apart, with
// two more. It begins again after the last.
var palette = []color.Color{
	color.RGBA{0x99, 0x99, 0x99, 255}, color.RGBA{0x00, 0x72, 0xb2, 255}, color.RGBA{0xe6, 0x9f, 0x00, 255},
	color.RGBA{0xcc, 0x79, 0xa7, 255}, color.RGBA{0x56, 0xb4, 0xe9, 255}, color.RGBA{0x00, 0x9e, 0x73, 255},
	color.RGBA{0xd5, 0x5e, 0x00, 255}, color.RGBA{0x33, 0x33, 0x33, 255}, color.RGBA{0xf0, 0xe4, 0x42, 255},
	color.RGBA{0x88, 0x55, 0x22, 255},
}

func colorOf(r *contest.Result, contender string) color.Color {
	return palette[slices.Index(r.Contenders, contender)%len(palette)]
}

func newPlot(unit string) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text, p.Y.Min = unit, 0
	p.Legend.Top = true
	p.Legend.ThumbnailWidth = vg.Points(14)
	return p
}

func init() {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plotter.DefaultFont = plot.DefaultFont
}

// bars are the medians side by side, a cluster for each metric, with the least
// and the most as a stroke.
func bars(g *group, r *contest.Result) (template.HTML, error) {
	p := newPlot(g.metrics[0].Unit)
	who := g.who(r)
	cluster := (width - legendWidth) * 0.9 / vg.Length(len(g.metrics))
	each := min(cluster*0.85/vg.Length(len(who)), vg.Points(40))
	lowest, highest := math.Inf(1), 0.0
	for i, c := range who {
		b := &clusterBars{color: colorOf(r, c), width: each, offset: each * vg.Length(float64(i)-float64(len(who)-1)/2)}
		for _, m := range g.metrics {
			s := r.Summary(c, m.Name)
			b.values = append(b.values, s)
			highest = max(highest, s.Max)
			if s.N > 0 {
				lowest = min(lowest, s.Min)
			}
		}
		p.Add(b)
		p.Legend.Add(c, b)
	}
	p.Y.Max = max(p.Y.Max, highest)
	if lowest > 0 && highest > logFrom*lowest {
		p.Y.Scale, p.Y.Tick.Marker, p.Y.Min = plot.LogScale{}, plot.LogTicks{Prec: -1}, lowest/2
	}
	names := make([]string, len(g.metrics))
	for i, m := range g.metrics {
		names[i] = strings.TrimSuffix(m.Name, "-cpu")
	}
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.5, float64(len(names))-0.5
	return svg(p)
}

// clusterBars are one contender's bars, one for each metric.
type clusterBars struct {
	color         color.Color
	width, offset vg.Length
	values        []contest.Summary
}

// Plot implements plot.Plotter.
func (b *clusterBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	stroke := draw.LineStyle{Color: color.Black, Width: vg.Points(0.8)}
	for i, s := range b.values {
		if s.N == 0 {
			continue
		}
		mid := x(float64(i)) + b.offset
		fill(c, b.color, vg.Rectangle{Min: vg.Point{X: mid - b.width/2, Y: y(p.Y.Min)}, Max: vg.Point{X: mid + b.width/2, Y: y(max(s.Median, p.Y.Min))}})
		if s.N > 1 {
			c.StrokeLine2(stroke, mid, y(max(s.Min, p.Y.Min)), mid, y(s.Max))
		}
	}
}

// Thumbnail implements plot.Thumbnailer.
func (b *clusterBars) Thumbnail(c *draw.Canvas) { fill(*c, b.color, c.Rectangle) }

func fill(c draw.Canvas, with color.Color, r vg.Rectangle) {
	c.FillPolygon(with, []vg.Point{r.Min, {X: r.Min.X, Y: r.Max.Y}, r.Max, {X: r.Max.X, Y: r.Min.Y}})
}

// lines are medians over X, a line for each contender and series.
func lines(g *group, r *contest.Result) (template.HTML, error) {
	p := newPlot(g.metrics[0].Unit)
	p.X.Label.Text = "flows"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	highest := 0.0
	for _, c := range g.who(r) {
		for n, series := range g.series() {
			var pts plotter.XYs
			for _, m := range g.metrics {
				if s := r.Summary(c, m.Name); m.Series == series && s.N > 0 {
					pts = append(pts, plotter.XY{X: m.X, Y: s.Median})
					highest = max(highest, s.Median)
				}
			}
			if len(pts) == 0 {
				continue
			}
			line, points, err := plotter.NewLinePoints(pts)
			if err != nil {
				return "", err
			}
			line.Color, points.Color = colorOf(r, c), colorOf(r, c)
			line.Dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}}[n%3]
			p.Add(line, points)
			p.Legend.Add(c+", "+series, line, points)
		}
	}
	p.Y.Min, p.Y.Max = 0, highest
	return svg(p)
}

func (g *group) series() (out []string) {
	for _, m := range g.metrics {
		if !slices.Contains(out, m.Series) {
			out = append(out, m.Series)
		}
	}
	return out
}

// svg draws a plot, without what an SVG inside a page must not have.
func svg(p *plot.Plot) (template.HTML, error) {
	c := vgsvg.New(width, height)
	area := draw.New(c)
	legend := p.Legend
	p.Legend = plot.NewLegend()
	p.Draw(draw.Crop(area, 0, -legendWidth, 0, -vg.Points(6)))
	legend.Left = true
	legend.Draw(draw.Crop(area, width-legendWidth+vg.Points(12), 0, 0, 0))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	s := b.String()
	if i := strings.Index(s, "<svg"); i >= 0 {
		s = s[i:]
	}
	// The reader's machine may not have the plot's own font.
	s = strings.ReplaceAll(s, "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	return template.HTML(s), nil
}
