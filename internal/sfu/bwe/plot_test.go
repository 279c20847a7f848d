package bwe

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"veche.example/test/lab/plot"
)

var update = flag.Bool("update", false, "draw the plots of docs/adaptation.md")

// TestPlots draws what the estimator does on links that are worked out; docs/plots has the same.
func TestPlots(t *testing.T) {
	if runtime.GOARCH != "amd64" && !*update {
		t.Skip("other processors round differently")
	}
	steps := func(at int64) float64 {
		if s := (at - origin) / second; s >= 20 && s < 40 {
			return 500_000
		}
		return 4_000_000
	}
	step := newRun(t, &link{queue: 300 * ms, delay: 20 * ms, rate: steps})
	step.until(0, 60*second)
	x, sent, estimate, way, queue := lines(step.sent)
	draw(t, "step.svg", plot.SVG("A link of 4, 0.5 and again 4 Mbit/s with a queue of 300 ms; 3 Mbit/s are wanted", "Mbit/s",
		plot.Line{Name: "link", Color: "#999", X: x, Y: way, Step: true}, plot.Line{Name: "sent", Color: "#e07b39", X: x, Y: sent},
		plot.Line{Name: "estimate", Color: "#1f6fb2", X: x, Y: estimate}))
	draw(t, "queue.svg", plot.SVG("The same: how long a packet waits for the link", "ms", plot.Line{Name: "queue", Color: "#b23a48", X: x, Y: queue}))
	var all []plot.Line
	for i, loss := range []float64{0.01, 0.05, 0.10, 0.20} {
		r := newRun(t, &link{rate: steady(4_000_000), delay: 20 * ms, loss: loss})
		r.until(0, 40*second)
		x, _, estimate, _, _ := lines(r.sent)
		all = append(all, plot.Line{Name: fmt.Sprintf("%.0f %% lost", loss*100), Color: []string{"#2f9e44", "#1f6fb2", "#e07b39", "#b23a48"}[i], X: x, Y: estimate})
	}
	draw(t, "loss.svg", plot.SVG("Estimates of links of 4 Mbit/s that lose packets at random; 3 Mbit/s are wanted", "Mbit/s", all...))
}

func lines(list []sample) (x, sent, estimate, way, queue []float64) {
	for _, s := range list {
		x = append(x, float64(s.at)/1e9)
		sent, estimate, way = append(sent, s.sent/1e6), append(estimate, s.estimate/1e6), append(way, s.link/1e6)
		queue = append(queue, float64(s.queue)/1e6)
	}
	return x, sent, estimate, way, queue
}

func draw(t *testing.T, name, svg string) {
	t.Helper()
	file := filepath.Join("..", "..", "..", "docs", "plots", name)
	if *update {
		if err := os.WriteFile(file, []byte(svg), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if is, err := os.ReadFile(file); err != nil || string(is) != svg {
		t.Errorf("%s is not what go test ./internal/sfu/bwe -run TestPlots -update draws (%v)", name, err)
	}
}
