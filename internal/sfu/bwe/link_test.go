package bwe

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// link is a bottleneck: a queue with a rate, a way with a delay.
type link struct {
	rate   func(at int64) float64 // bit/s
	queue  int64                  // what fits into it, as a time at the present rate
	delay  int64
	jitter int64   // uniform, added to each packet
	loss   float64 // at random
	late   float64 // share of packets that come 30 ms late
	burst  int     // bytes of a token bucket, 0 = an ordinary queue
	cross  func(at int64) float64

	busy   int64
	rnd    *rand.Rand
	tokens float64
	last   int64
}

// pass gives when a packet comes out, false if it is lost.
func (l *link) pass(size int, at int64) (int64, bool) {
	rate := l.rate(at)
	if l.cross != nil {
		rate = max(rate-l.cross(at), 20_000)
	}
	if l.burst > 0 { // the bucket fills; what it holds passes at once
		l.tokens = min(l.tokens+rate*float64(at-l.last)/8e9, float64(l.burst))
		l.last = at
		if l.busy <= at && l.tokens >= float64(size) {
			l.tokens -= float64(size)
			return at + l.delay, l.rnd.Float64() >= l.loss
		}
	}
	begin := max(l.busy, at)
	if begin-at > l.queue {
		return 0, false
	}
	l.busy = begin + int64(float64(size)*8e9/rate)
	if l.burst > 0 {
		l.tokens = 0
	}
	out := l.busy + l.delay
	if l.jitter > 0 {
		out += l.rnd.Int64N(l.jitter)
	}
	if l.rnd.Float64() < l.late {
		out += 30 * ms
	}
	return out, l.rnd.Float64() >= l.loss
}

// run is a call over a link.
type run struct {
	t      testing.TB
	e      *Estimator
	l      *link
	demand float64
	app    func(at int64) float64 // most that there is to send
	rec    *twcc.Recorder
	seq    uint16
	flight []packet
	due    []report
	media  float64 // bytes that wait
	sent   []sample
	mute   bool // reports do not arrive
}

type packet struct {
	seq uint16
	at  int64
}

type report struct {
	cc *rtcp.TransportLayerCC
	at int64
}

// sample is one step of 100 ms.
type sample struct {
	at                   int64
	sent, estimate, link float64
	queue                int64
	lost                 float64
}

const (
	step    = 5 * ms
	origin  = 1000 * ms // of the server's clock
	foreign = 77_000 * ms
)

func newRun(t testing.TB, l *link) *run {
	l.rnd = rand.New(rand.NewPCG(1, 2))
	if l.queue == 0 {
		l.queue = 300 * ms
	}
	r := &run{t: t, e: New(), l: l, demand: 3_000_000, rec: twcc.NewRecorder(1), seq: 65000}
	r.e.Demand(3_000_000)
	return r
}

func (r *run) send(size int, at int64) {
	r.e.Sent(r.seq, size, at)
	if out, ok := r.l.pass(size, at); ok {
		r.flight = append(r.flight, packet{r.seq, out})
	}
	r.seq++
}

// until lets the call go on and gives a sample for each 100 ms.
func (r *run) until(from, to int64) []sample {
	var list []sample
	bytes, probeEnd, probeRate, probeSent, probeFrom := 0, int64(0), 0.0, 0, int64(0)
	for at := from; at < to; at += step {
		now := origin + at
		r.deliver(now)
		before := bytes
		put := func(size int) { r.send(size, now); bytes += size }
		if at%(20*ms) == 0 {
			put(120) // sound
		}
		want := r.demand
		if r.app != nil {
			want = min(want, r.app(at))
		}
		if at%(35*ms) == 0 { // a picture; its packets leave within 5 ms steps at 1.25 times the estimate
			r.media += min(want, float64(r.e.Estimate())*0.95) * 35e-3 / 8
		}
		for budget := 1.25 * float64(r.e.Estimate()) * 5e-3 / 8; r.media > 1100 && budget > 0; budget -= 1100 {
			put(1100)
			r.media -= 1100
		}
		switch {
		case probeEnd == 0:
			if rate, n := r.e.Probe(now); rate > 0 {
				probeEnd, probeRate, probeSent, probeFrom = at+n, float64(rate), 0, at
			}
		case at >= probeEnd || r.e.Abort():
			r.e.Probed(r.seq-1, now)
			probeEnd = 0
		}
		if probeEnd != 0 {
			probeSent += bytes - before
			for goal := probeRate * float64(at+step-probeFrom) / 8e9; float64(probeSent) < goal; probeSent += 1000 {
				put(1000)
			}
		}
		if at%(100*ms) == 0 {
			r.e.Tick(now, true)
			list = append(list, sample{at, float64(bytes) * 80, float64(r.e.Estimate()), r.l.rate(now), max(r.l.busy-now, 0), r.e.Lost(now)})
			bytes = 0
			for _, cc := range r.rec.BuildFeedbackPacket() {
				if r.mute {
					continue
				}
				r.due = append(r.due, report{cc.(*rtcp.TransportLayerCC), now + r.l.delay})
			}
		}
	}
	r.sent = append(r.sent, list...)
	return list
}

// deliver lets arrive what is due.
func (r *run) deliver(now int64) {
	slices.SortFunc(r.flight, func(a, b packet) int { return int(a.at - b.at) })
	for len(r.flight) > 0 && r.flight[0].at <= now {
		p := r.flight[0]
		r.flight = r.flight[1:]
		r.rec.Record(2, p.seq, (p.at+foreign)/1000)
	}
	for len(r.due) > 0 && r.due[0].at <= now {
		raw, err := r.due[0].cc.Marshal()
		if err != nil {
			r.t.Fatal(err)
		}
		r.due = r.due[1:]
		r.e.Feedback(raw, now)
	}
}

// mean is the average of what was sent and of the estimate.
func mean(list []sample) (sent, estimate float64) {
	for _, s := range list {
		sent += s.sent / float64(len(list))
		estimate += s.estimate / float64(len(list))
	}
	return sent, estimate
}

// oversent is the longest time for which more than a tenth over the link was sent, measured over half a second.
func oversent(list []sample) int64 {
	var longest, cur int64
	for i := range list {
		if i < 4 {
			continue
		}
		sent, limit := 0.0, 0.0
		for _, s := range list[i-4 : i+1] {
			sent, limit = sent+s.sent, limit+s.link
		}
		if cur += 100 * ms; sent <= 1.1*limit {
			cur = 0
		}
		longest = max(longest, cur)
	}
	return longest
}

// when is how long after from the first sample is that is liked and is followed by a second of such ones; -1 = never.
func when(list []sample, like func(sample) bool) int64 {
	for i := range list {
		if i+10 <= len(list) && !slices.ContainsFunc(list[i:i+10], func(s sample) bool { return !like(s) }) {
			return list[i].at - list[0].at
		}
	}
	return -1
}

func steady(bits float64) func(int64) float64 { return func(int64) float64 { return bits } }

func (r *run) show(list []sample) {
	for i, s := range list {
		if i%5 == 0 {
			r.t.Logf("%6.1f s: link %4.0f k, estimate %4.0f k, sent %4.0f k, queue %d ms, lost %.2f", float64(s.at)/1e9, s.link/1e3, s.estimate/1e3, s.sent/1e3, s.queue/ms, s.lost)
		}
	}
}
