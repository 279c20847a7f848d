package bwe

import (
	"fmt"
	"testing"
)

const second = int64(1e9)

// TestStep is the link of 4 Mbit/s that becomes one of 500 kbit/s and then what it was.
func TestStep(t *testing.T) {
	for name, l := range map[string]*link{
		"queue 50 ms":  {queue: 50 * ms, delay: 20 * ms},
		"queue 300 ms": {queue: 300 * ms, delay: 20 * ms},
		"queue 1 s":    {queue: 1000 * ms, delay: 20 * ms},
		"far":          {queue: 300 * ms, delay: 120 * ms},
		"token bucket": {queue: 50 * ms, delay: 10 * ms, burst: 12_000},
		"lossy":        {queue: 200 * ms, delay: 20 * ms, loss: 0.03},
	} {
		t.Run(name, func(t *testing.T) {
			l.rate = func(at int64) float64 {
				if s := (at - origin) / second; s >= 20 && s < 50 {
					return 500_000
				}
				return 4_000_000
			}
			r := newRun(t, l)
			up, low, back := r.until(0, 20*second), r.until(20*second, 50*second), r.until(50*second, 80*second)
			if testing.Verbose() {
				r.show(r.sent)
			}
			if d := when(up, func(s sample) bool { return s.estimate >= 2_700_000 }); d < 0 || d > 5*second {
				t.Errorf("free link used after %d ms", d/ms)
			}
			if d := when(low, func(s sample) bool { return s.sent < 700_000 && s.estimate < 650_000 }); d < 0 || d > 2*second {
				t.Errorf("down after %d ms", d/ms)
			}
			if d := oversent(r.sent); d > 2*second {
				t.Errorf("more than a tenth over the link for %d ms", d/ms)
			}
			if _, e := mean(low[100:]); e < 300_000 || e > 560_000 {
				t.Errorf("estimate of a link of 500k: %.0f", e)
			}
			if d := when(back, func(s sample) bool { return s.estimate >= 2_500_000 }); d < 0 || d > 13*second {
				t.Errorf("back after %d ms", d/ms)
			}
		})
	}
}

// TestLoss is a link that loses at random: little of it costs nothing, much of it little.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		loss  float64
		least float64
	}{{0.01, 2_700_000}, {0.02, 2_700_000}, {0.03, 2_500_000}, {0.05, 2_000_000}, {0.10, 800_000}, {0.20, 400_000}} {
		t.Run(fmt.Sprint(c.loss), func(t *testing.T) {
			r := newRun(t, &link{rate: steady(4_000_000), delay: 20 * ms, loss: c.loss})
			r.until(0, 10*second)
			list := r.until(10*second, 40*second)
			if testing.Verbose() {
				r.show(r.sent)
			}
			if _, e := mean(list); e < c.least {
				t.Errorf("estimate %.0f", e)
			}
		})
	}
}
