package bwe

import (
	"fmt"
	"math/rand/v2"
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
		"policer":      {queue: 1, delay: 10 * ms, burst: 25_000},
		"jitter":       {queue: 200 * ms, delay: 20 * ms, jitter: 20 * ms},
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
	}{{0.01, 2_700_000}, {0.02, 2_700_000}, {0.03, 2_500_000}, {0.05, 2_000_000}, {0.10, 1_600_000}, {0.20, 1_600_000}} {
		t.Run(fmt.Sprint(c.loss), func(t *testing.T) {
			r := newRun(t, &link{rate: steady(4_000_000), delay: 20 * ms, loss: c.loss})
			r.until(0, 10*second)
			list := r.until(10*second, 40*second)
			if _, e := mean(list); e < c.least {
				t.Errorf("estimate %.0f", e)
			} else {
				t.Logf("estimate %.0f", e)
			}
		})
	}
}

// TestLossFew is the same where few packets are sent, which makes every measurement a matter of chance: what is little stays affordable.
func TestLossFew(t *testing.T) {
	for _, loss := range []float64{0.05, 0.10, 0.20} {
		for seed := range uint64(8) {
			r := newRun(t, &link{rate: steady(4_000_000), delay: 20 * ms, loss: loss})
			r.l.rnd = rand.New(rand.NewPCG(seed, 7))
			r.demand = 250_000
			r.e.Demand(250_000)
			r.until(0, 5*second)
			low := 1e9
			for _, s := range r.until(5*second, 60*second) {
				low = min(low, s.estimate)
			}
			if t.Logf("%.2f: at least %.0f", loss, low); low < 150_000 {
				t.Errorf("loss %.2f: the estimate went down to %.0f", loss, low)
			}
		}
	}
}

// TestRamp is a link that gets slower and faster again by 100 kbit/s a second.
func TestRamp(t *testing.T) {
	l := &link{queue: 300 * ms, delay: 30 * ms, rate: func(at int64) float64 {
		s := float64(at-origin) / 1e9
		switch {
		case s < 10:
			return 3_000_000
		case s < 35:
			return 3_000_000 - 100_000*(s-10)
		case s < 60:
			return 500_000 + 100_000*(s-35)
		}
		return 3_000_000
	}}
	r := newRun(t, l)
	r.e.Demand(2_500_000)
	r.demand = 2_500_000
	r.until(0, 35*second)
	up := r.until(35*second, 75*second)
	if d := oversent(r.sent); d > 2*second {
		t.Errorf("more than a tenth over the link for %d ms", d/ms)
	}
	used, had := 0.0, 0.0
	for _, s := range r.sent[100:] {
		used, had = used+s.sent, had+min(s.link, 2_500_000)
	}
	if used < 0.65*had {
		t.Errorf("%.0f %% of the link used", 100*used/had)
	}
	if d := when(up, func(s sample) bool { return s.estimate >= 2_400_000 }); d < 0 || d > 35*second {
		t.Errorf("back after %d ms", d/ms)
	}
}

// TestNoise is a link with room whose packets come at odd times: that alone must not cost anything.
func TestNoise(t *testing.T) {
	for name, l := range map[string]*link{
		"jitter 50 ms": {delay: 30 * ms, jitter: 50 * ms},
		"reorder 5 %":  {delay: 20 * ms, late: 0.05},
		"both, lossy":  {delay: 20 * ms, late: 0.05, jitter: 10 * ms, loss: 0.01},
	} {
		t.Run(name, func(t *testing.T) {
			l.rate = steady(6_000_000)
			r := newRun(t, l)
			r.until(0, 10*second)
			if _, e := mean(r.until(10*second, 40*second)); e < 2_400_000 {
				t.Errorf("estimate %.0f", e)
			}
		})
	}
}

// TestCross is a link of 3 Mbit/s that others fill with 2 Mbit/s for a while.
func TestCross(t *testing.T) {
	l := &link{rate: steady(3_000_000), queue: 200 * ms, delay: 25 * ms, cross: func(at int64) float64 {
		if s := (at - origin) / second; s >= 15 && s < 40 {
			return 2_000_000
		}
		return 0
	}}
	r := newRun(t, l)
	r.e.Demand(2_500_000)
	r.demand = 2_500_000
	r.until(0, 15*second)
	during := r.until(15*second, 40*second)
	after := r.until(40*second, 60*second)
	if d := when(during, func(s sample) bool { return s.sent < 1_250_000 }); d < 0 || d > 2*second {
		t.Errorf("gives way after %d ms", d/ms)
	}
	if sent, _ := mean(during[50:]); sent < 600_000 {
		t.Errorf("%.0f of the 1 Mbit/s that is left", sent)
	}
	if d := when(after, func(s sample) bool { return s.estimate > 2_200_000 }); d < 0 || d > 13*second {
		t.Errorf("back after %d ms", d/ms)
	}
}

// TestIdle is an application that sends little for a while: what is known of the link is kept, and found out if it asks.
func TestIdle(t *testing.T) {
	r := newRun(t, &link{rate: steady(5_000_000), delay: 20 * ms})
	r.app = func(at int64) float64 {
		if at > 10*second && at < 30*second {
			return 150_000
		}
		return 3_000_000
	}
	r.until(0, 10*second)
	if _, e := mean(r.until(10*second, 30*second)); e < 2_500_000 {
		t.Errorf("estimate while little is sent: %.0f", e)
	}
	if sent, _ := mean(r.until(30*second, 32*second)); sent < 2_000_000 {
		t.Errorf("goes on with %.0f", sent)
	}
	// From the start with little: a demand that is there is probed for.
	r = newRun(t, &link{rate: steady(5_000_000), delay: 20 * ms})
	r.app = func(int64) float64 { return 100_000 }
	if list := r.until(0, 6*second); list[len(list)-1].estimate < 2_500_000 {
		t.Errorf("found %.0f by probing", list[len(list)-1].estimate)
	}
	// Without a demand nothing is sent that is not needed.
	r = newRun(t, &link{rate: steady(5_000_000), delay: 20 * ms})
	r.e.Demand(100_000)
	r.app = func(int64) float64 { return 100_000 }
	if sent, _ := mean(r.until(0, 10*second)); sent > 200_000 {
		t.Errorf("%.0f sent of 150k", sent)
	}
}

// TestSilence is a way back that is broken: the estimate falls, and rises when it is there again.
func TestSilence(t *testing.T) {
	r := newRun(t, &link{rate: steady(4_000_000), delay: 20 * ms})
	r.until(0, 10*second)
	r.mute = true
	list := r.until(10*second, 20*second)
	if e := list[len(list)-1].estimate; e > 100_000 {
		t.Errorf("estimate after 10 s without a report: %.0f", e)
	}
	r.mute = false
	if d := when(r.until(20*second, 40*second), func(s sample) bool { return s.estimate > 2_500_000 }); d < 0 || d > 12*second {
		t.Errorf("back after %d ms", d/ms)
	}
}

// TestSlow is the links of those who have little: sound and the least picture get through without filling a queue.
func TestSlow(t *testing.T) {
	for _, bits := range []float64{150_000, 250_000, 400_000} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			r := newRun(t, &link{rate: steady(bits), queue: 800 * ms, delay: 60 * ms})
			r.until(0, 20*second)
			list := r.until(20*second, 60*second)
			waits, sent := int64(0), 0.0
			for _, s := range list {
				waits, sent = waits+s.queue/int64(len(list)), sent+s.sent/float64(len(list))
			}
			if waits > 200*ms || sent < 0.6*bits {
				t.Errorf("a queue of %d ms, %.0f sent", waits/ms, sent)
			}
		})
	}
}
