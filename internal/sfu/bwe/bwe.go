// Package bwe estimates how much a client's link carries, from its reports about the packets sent to it: transport-wide
// feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), or where it sends none, reception reports and REMB.
//
//	Sent ─▶ History ◀─ Feedback ─┬─ trend: do packets queue up?       ─┐
//	                             ├─ loss: more than the link's own?     ├─▶ target ─▶ Estimate
//	                             └─ probe: what a short burst got through ┘
//
// The method is that of draft-ietf-rmcat-gcc-02 with three changes: loss that does not get less when less is sent is taken
// for the link's own; a queue that stands is drained by sending less than the link carries; and what could be used but
// was never tried is found out by probes. There is no clock and no goroutine here: whoever calls tells the time.
package bwe

const (
	ms = int64(1e6)

	// Floor is the least estimate in bit/s: speech and its headers.
	Floor = 40_000
	// Ceiling is the highest, and what is assumed of a client that reports nothing.
	Ceiling = 100_000_000
	// Start is the estimate before the first report.
	Start = 800_000

	// silent is how long packets may be sent without any report before the estimate falls, and how often it then does.
	silent = 1500 * ms
	// dumb is how long packets are sent without any report before it is taken that there will be none.
	dumb = 3000 * ms
	// backoff is what remains of the measured rate when packets queue up.
	backoff = 0.87
	// headroom is how far above what arrives the estimate may climb without a probe.
	headroom = 1.5
	// between is the least time between two reductions, besides the round trip.
	between = 200 * ms
	// noise is a queueing delay that jitter alone can make, of all packets of a report.
	noise = 12 * ms
	// standing and drained are when draining begins and ends: the queueing delay.
	standing, drained = 120 * ms, 40 * ms
)

// Estimator estimates one link. Sent may be called from any goroutine at any time; of the others one at a time.
type Estimator struct {
	history History
	arrived arrivals
	trend   trend
	base    base
	loss    loss
	rate    rate // that arrived
	probe   prober

	target   float64 // bit/s
	capacity capacity
	demand   float64
	began    int64 // first report
	opened   int64 // first packet
	heard    int64 // last report, or when the target was reduced for want of one
	reduced  int64 // when the target was last lowered, 0 = never
	draining bool
	mute     bool
	queue    int64 // of the last report: the least delay above the base
	deep     int64 // the queue that a reduction has met, until it is empty: what is seen of it must not reduce once more
	rtt      int64
	last     int64 // of the last raise
}

// New makes an estimator.
func New() *Estimator {
	e := &Estimator{target: Start}
	e.trend.init()
	e.probe.init()
	return e
}

// Sent notes a packet by its transport-wide number, its size in bytes on the wire and when it was sent, in ns.
func (e *Estimator) Sent(seq uint16, size int, at int64) { e.history.put(seq, size, at) }

// Demand says how much would be sent if the link carried it, in bit/s: probes go that far.
func (e *Estimator) Demand(bitrate int) { e.demand = float64(bitrate) }

// Feedback takes one report that came at now, in ns: an RTCP packet for which IsFeedback is true.
func (e *Estimator) Feedback(report []byte, now int64) {
	list, lost, back := e.arrived.read(report, &e.history)
	e.loss.note(len(list), lost, back, now)
	if e.began == 0 {
		e.began = now
		e.last = now
	}
	e.heard = now
	if len(list) == 0 {
		e.adapt(now)
		return
	}
	queue := int64(1 << 62)
	for i := range list {
		a := &list[i]
		e.rate.note(a.arrival, a.size)
		e.probe.note(a)
		queue = min(queue, e.base.above(a))
		e.trend.note(a)
	}
	e.queue = queue
	if rtt := now - list[len(list)-1].sent; rtt > 0 {
		if e.rtt == 0 || rtt < e.rtt {
			e.rtt = rtt
		} else {
			e.rtt += (rtt - e.rtt) / 16
		}
	}
	e.adapt(now)
}

// adapt moves the target.
func (e *Estimator) adapt(now int64) {
	acked := e.rate.bits()
	if got, ok := e.probe.result(now, e.queue); ok && e.loss.excess(now) < lossHigh {
		if got > e.target {
			e.target, e.last = got, now
			e.loss.lift()
		}
		e.trend.restart()
	}
	e.drain()
	switch e.trend.usage() {
	case over:
		if e.ripe(now) && !e.probe.active && e.queue > max(noise, e.deep) {
			e.lower(backoff*acked, acked, now)
		}
	case normal:
		if !e.draining && e.queue < standing {
			e.raise(acked, now)
		} else {
			e.last = now
		}
	default:
		e.last = now
	}
	if by, keep := e.loss.cut(now, e.target, e.rtt); by < 1 {
		if e.queue > drained { // what waits says that the loss is not the link's own
			keep = 0
		}
		e.lower(max(min(e.target, headroom*acked)*by, keep), acked, now)
	} else {
		e.target *= by
	}
	e.target = min(max(e.target, Floor), Ceiling)
}

// ripe tells whether the last reduction can have shown its effect.
func (e *Estimator) ripe(now int64) bool { return e.reduced == 0 || now-e.reduced > between+e.rtt }

func (e *Estimator) lower(to, acked float64, now int64) {
	e.last, e.reduced, e.deep = now, now, e.queue*9/10
	e.probe.disturbed(now)
	if acked > 0 {
		e.capacity.note(acked)
	}
	if to < e.target {
		e.target = max(to, Floor)
	}
}

// raise lets the target grow: fast while the link's capacity is not known, slowly near it.
func (e *Estimator) raise(acked float64, now int64) {
	dt := min(float64(now-e.last)/1e9, 1)
	e.last = now
	if e.loss.excess(now) > lossLow || e.target > headroom*acked+10_000 {
		return
	}
	if acked > e.capacity.high() { // the link has got better
		e.capacity = capacity{}
	}
	if e.capacity.mean > 0 && acked > e.capacity.low() {
		response := float64(e.rtt+100*ms) / 1e9
		e.target += max(4000, 9600/max(response, 0.05)) * dt // one packet of 1200 bytes for each response time
		return
	}
	e.target *= 1 + 0.08*dt
}

// drain decides whether a standing queue is to be emptied.
func (e *Estimator) drain() {
	switch {
	case e.queue < drained:
		e.draining, e.deep = false, 0
	case e.queue > standing && e.reduced != 0:
		e.draining = true
	}
}

// Tick does what time alone brings. It is called every 50 to 200 ms; sending tells whether packets are sent at all.
func (e *Estimator) Tick(now int64, sending bool) {
	if e.opened == 0 && sending {
		e.opened = now
	}
	e.mute = e.began == 0 && e.opened != 0 && now-e.opened > dumb
	if e.began == 0 || !sending {
		e.heard = max(e.heard, now-silent/2)
		return
	}
	if now-e.heard > silent {
		e.heard = now - silent/2
		e.reduced = now
		e.target = max(e.target/2, Floor)
	}
}

// Probe says what to send besides media now, so that more than the estimate is tried: the rate in bit/s of everything that
// is sent from now on, and for how long in ns. 0 = nothing.
func (e *Estimator) Probe(now int64) (rate int, length int64) {
	if e.began == 0 || e.draining || e.queue > standing || e.loss.excess(now) > lossHigh || now-e.heard > silent/2 {
		return 0, 0
	}
	return e.probe.next(now, e.target, e.demand, e.reduced)
}

// Probed says that the probe has been sent, and the number of its last packet.
func (e *Estimator) Probed(last uint16, now int64) { e.probe.sent(last, now, e.rtt) }

// Abort tells whether a probe that is being sent does harm and is to end.
func (e *Estimator) Abort() bool { return e.queue > probeHarm && e.queue > e.probe.before+probeHarm }

// Estimate is how much may be sent, in bit/s.
func (e *Estimator) Estimate() int {
	if e.draining {
		keep := 1 - float64(e.queue)/800e6
		return int(max(e.target*min(max(keep, 0.3), 0.7), Floor))
	}
	return int(e.target)
}

// Mute tells that the client, though it agreed to, sends no transport-wide feedback.
func (e *Estimator) Mute() bool { return e.mute }

// Lost is the share of packets lost lately.
func (e *Estimator) Lost(now int64) float64 { return e.loss.share(now) }

// RTT is the round trip in ns, 0 = not known.
func (e *Estimator) RTT() int64 { return e.rtt }

// Received is the rate that arrived lately, in bit/s.
func (e *Estimator) Received() int { return int(e.rate.bits()) }

// Reduced is when the estimate was lowered last, 0 = never.
func (e *Estimator) Reduced() int64 { return e.reduced }

// capacity remembers what the link carried when it was full (draft-ietf-rmcat-gcc-02 §5.5).
type capacity struct{ mean, dev float64 }

func (c *capacity) note(acked float64) {
	if c.mean == 0 || acked < c.low() {
		*c = capacity{mean: acked, dev: acked * 0.05}
		return
	}
	d := acked - c.mean
	c.mean += 0.2 * d
	c.dev += 0.2 * (max(d, -d) - c.dev)
}

func (c *capacity) spread() float64 { return 3 * max(c.dev, c.mean*0.03) }
func (c *capacity) low() float64    { return c.mean - c.spread() }
func (c *capacity) high() float64 {
	if c.mean == 0 {
		return Ceiling
	}
	return c.mean + c.spread()
}
