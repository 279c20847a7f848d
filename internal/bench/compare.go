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

// Series is a comparison: servers take turns, so that whatever else the machine does concerns all of them.
type Series struct {
	Options       // of each measurement
	Sizes   []int // numbers of subscribers, each compared for itself
	Rounds  int   // turns of each server
	Out     io.Writer
}

// Compare measures the contestants and prints what they cost, and the ratio of the first to each of the others.
func (s Series) Compare(ctx context.Context, list ...Contestant) error {
	for _, n := range s.Sizes {
		total := make([]Report, len(list))
		for range s.Rounds {
			for i, c := range list {
				r, err := s.one(ctx, c, n)
				if err != nil {
					return fmt.Errorf("%s with %d subscribers: %w", c.Name, n, err)
				}
				total[i] = sum(total[i], r)
			}
		}
		for i, c := range list {
			t := total[i]
			line := fmt.Sprintf("%4d subscribers  %-24s %6.2f µs per packet  %5.0f KiB and %5.2f ms per join  %d lost", n, c.Name,
				micros(t.PerPacket()), perSubscriber(t)/float64(s.Rounds), float64(t.JoinCPU.Microseconds())/1e3/float64(s.Rounds), t.Lost)
			if i > 0 {
				line += fmt.Sprintf("  ratio %.2f of CPU, %.2f of memory", float64(total[0].PerPacket())/float64(t.PerPacket()), perSubscriber(total[0])/perSubscriber(t))
			}
			if _, err := fmt.Fprintln(s.Out, strings.TrimSpace(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Series) one(ctx context.Context, c Contestant, n int) (Report, error) {
	o := s.Options
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
