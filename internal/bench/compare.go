package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Contestant is a server that a comparison starts for each round.
type Contestant struct {
	Name string
	// Start gives the server's WHIP and WHEP endpoints, its process id and how to stop it.
	Start func(ctx context.Context) (whip, whep string, pid int, stop func(), err error)
}

// Compare measures the contestants one after the other, rounds times, with each number of subscribers, and prints what they
// cost and the ratio of the first to each of the others.
func Compare(ctx context.Context, o Options, list []Contestant, sizes []int, rounds int, w io.Writer) error {
	for _, n := range sizes {
		total := make([]Report, len(list))
		for range rounds {
			for i, c := range list {
				r, err := one(ctx, o, c, n)
				if err != nil {
					return fmt.Errorf("%s with %d subscribers: %w", c.Name, n, err)
				}
				total[i] = sum(total[i], r)
			}
		}
		for i, c := range list {
			t := total[i]
			line := fmt.Sprintf("%4d subscribers  %-24s %6.2f µs per packet  %5.0f KiB and %5.2f ms per join  %d lost", n, c.Name,
				micros(t.PerPacket()), perSubscriber(t)/float64(rounds), float64(t.JoinCPU.Microseconds())/1e3/float64(rounds), t.Lost)
			if i > 0 {
				line += fmt.Sprintf("  ratio %.2f of CPU, %.2f of memory", float64(total[0].PerPacket())/float64(t.PerPacket()), perSubscriber(total[0])/perSubscriber(t))
			}
			if _, err := fmt.Fprintln(w, strings.TrimSpace(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

func one(ctx context.Context, o Options, c Contestant, n int) (Report, error) {
	whip, whep, pid, stop, err := c.Start(ctx)
	if err != nil {
		return Report{}, err
	}
	defer stop()
	o.WHIP, o.WHEP, o.PID, o.Subscribers = whip, whep, pid, n
	return Run(ctx, o)
}

// sum adds what PerPacket and perSubscriber look at.
func sum(a, b Report) Report {
	b.CPU += a.CPU
	b.JoinCPU += a.JoinCPU
	b.Received += a.Received
	b.Lost += a.Lost
	b.RSS += a.RSS
	b.RSSBefore += a.RSSBefore
	return b
}

// perSubscriber is in KiB.
func perSubscriber(r Report) float64 {
	return (float64(r.RSS) - float64(r.RSSBefore)) / 1024 / max(1, float64(r.Subscribers))
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
