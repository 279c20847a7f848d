// Package plot draws lines over time as SVG, for the pages in docs.
package plot

import (
	"fmt"
	"math"
	"strings"
)

// Line is a name and its points: seconds and values. Step lines keep a value until the next point.
type Line struct {
	Name, Color string
	X, Y        []float64
	Step        bool
}

const (
	width, height             = 760, 300
	left, right, top, bottom  = 60, 10, 40, 40
	innerWidth, innerHeight   = width - left - right, height - top - bottom
	gridX, gridY              = 10, 5
	textStyle                 = `font-family="sans-serif" font-size="12" fill="#444"`
	lineStyle, lightLineStyle = `fill="none" stroke-width="1.6"`, `stroke="#ddd" stroke-width="1"`
)

// SVG draws lines with a title; unit is that of the values. Equal lines give equal bytes.
func SVG(title, unit string, lines ...Line) string {
	mostX, mostY := 1.0, 1.0
	for _, l := range lines {
		for i := range l.X {
			mostX, mostY = max(mostX, l.X[i]), max(mostY, l.Y[i])
		}
	}
	stepY := math.Pow(10, math.Floor(math.Log10(mostY)))
	switch n := mostY / stepY; {
	case n < 2:
		stepY /= gridY
	case n < gridY:
		stepY /= 2
	}
	mostY = math.Ceil(mostY/stepY) * stepY
	x := func(v float64) float64 { return left + v/mostX*innerWidth }
	y := func(v float64) float64 { return top + innerHeight - v/mostY*innerHeight }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", width, height, title)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="16" %s>%s (%s)</text>`+"\n", left, textStyle, title, unit)
	for v := 0.0; v <= mostY+stepY/2; v += stepY {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" %s/><text x="%d" y="%.1f" text-anchor="end" %s>%g</text>`+"\n", left, y(v), width-right, lightLineStyle, left-6, y(v)+4, textStyle, math.Round(v*1000)/1000)
	}
	for v := 0.0; v <= mostX; v += gridX {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" %s>%g s</text>`+"\n", x(v), height-bottom+18, textStyle, v)
	}
	for i, l := range lines {
		fmt.Fprintf(&b, `<path %s stroke="%s" d="`, lineStyle, l.Color)
		for k := range l.X {
			switch {
			case k == 0:
				fmt.Fprintf(&b, "M%.1f %.1f", x(l.X[k]), y(l.Y[k]))
			case l.Step:
				fmt.Fprintf(&b, "H%.1fV%.1f", x(l.X[k]), y(l.Y[k]))
			default:
				fmt.Fprintf(&b, "L%.1f %.1f", x(l.X[k]), y(l.Y[k]))
			}
		}
		fmt.Fprintf(&b, `"/><text x="%d" y="32" %s><tspan fill="%s">━</tspan> %s</text>`+"\n", left+i*130, textStyle, l.Color, l.Name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
