package bwe

const (
	// A link that has shown no limit yet is tried with bursts, one that has with more patience: the burst that a token bucket
	// lets through must not be taken for its rate.
	probeShort, probeLong = 40 * ms, 300 * ms
	probeFast, probeSlow  = 3.0, 2.0
	// probeWait is when the next attempt follows one that failed, at first and at most; it grows by half each time.
	probeWait, probeWaitMost = 2500 * ms, 6000 * ms
	// probeStep is by how many bit/s a probe is above the estimate at least.
	probeStep = 200_000
	// probeLeast is how many packets say something.
	probeLeast = 5
	// probePackets is of how many it is remembered when they came.
	probePackets = 256
	// probeHarm is the queueing delay at which a probe ends early.
	probeHarm = 60 * ms
	// probeTimeout is how long after the round trip the reports are waited for.
	probeTimeout = 500 * ms
)

// prober tries whether the link carries more.
type prober struct {
	due    int64
	wait   int64
	rate   float64
	before int64 // queueing delay when it began

	// active: begun and not yet evaluated. ended: all of it is sent, up to last.
	active, ended bool
	deadline      int64
	start         int64
	got           cluster
	lastSeq       uint16
}

// cluster is what arrived of a probe.
type cluster struct {
	n, bytes            int
	sentFirst, sentLast int64
	recvFirst, recvLast int64
	firstSize, lastSize int
	high                uint16
	recv                [probePackets]received
}

// received is how much of a cluster had come when.
type received struct {
	at    int64
	bytes int
}

func (p *prober) init() { p.wait = probeWait }

// disturbed puts off the next probe: the link is full.
func (p *prober) disturbed(now int64) {
	p.due = max(p.due, now+p.wait)
	p.active = p.active && !p.ended
}

// next begins a probe if it is time.
func (p *prober) next(now int64, target, demand float64, reduced int64) (int, int64) {
	if p.active || now < p.due || demand < target*1.01 {
		return 0, 0
	}
	factor, length := probeFast, probeShort
	if reduced != 0 {
		factor, length = probeSlow, probeLong
	}
	p.rate = min(max(target*factor, target+probeStep), demand*1.2)
	p.active, p.ended, p.got, p.start = true, false, cluster{}, now
	p.deadline = now + length + 3000*ms // if Probed is never called
	return int(p.rate), length
}

// sent says which packet was the probe's last.
func (p *prober) sent(last uint16, now, rtt int64) {
	if !p.active {
		return
	}
	p.ended, p.lastSeq = true, last
	p.deadline = now + rtt + probeTimeout
}

// note takes a packet that has arrived: by when it was sent, it is of the probe or not.
func (p *prober) note(a *arrival) {
	if !p.active || a.sent < p.start || p.ended && int16(a.seq-p.lastSeq) > 0 {
		return
	}
	c := &p.got
	if c.n == 0 {
		c.sentFirst, c.recvFirst, c.firstSize, c.high = a.sent, a.arrival, a.size, a.seq
	}
	if a.arrival < c.recvFirst {
		c.recvFirst = a.arrival
	}
	if a.sent >= c.sentLast {
		c.sentLast, c.lastSize = a.sent, a.size
	}
	c.recvLast = max(c.recvLast, a.arrival)
	if int16(a.seq-c.high) > 0 {
		c.high = a.seq
	}
	c.bytes += a.size
	if c.n < probePackets {
		c.recv[c.n] = received{a.arrival, c.bytes}
	}
	c.n++
}

// result gives the rate that got through, when all has been reported or will not be any more.
func (p *prober) result(now, queue int64) (float64, bool) {
	if !p.active {
		p.before = queue
		return 0, false
	}
	c := &p.got
	if !(p.ended && c.n > 0 && int16(c.high-p.lastSeq) >= 0) && now < p.deadline {
		return 0, false
	}
	p.active = false
	send, recv := c.sentLast-c.sentFirst, c.recvLast-c.recvFirst
	if c.n < probeLeast || send <= 0 {
		p.failed(now)
		return 0, false
	}
	out := float64(c.bytes-c.lastSize) * 8e9 / float64(send)
	in := min(float64(c.bytes-c.firstSize)*8e9/float64(max(recv, ms)), c.tail())
	got := min(in, out, p.rate*1.1)
	if in < 0.9*out { // the link was full: what came is what it carries
		got *= 0.95
	}
	if got < 0.7*p.rate {
		p.failed(now)
	} else {
		p.wait, p.due = probeWait, now
		if got < 0.9*p.rate { // nearly all there is
			p.due += p.wait
		}
	}
	return got, true
}

// tail is the rate at which the last third came: a token bucket lets the first pass as fast as they come.
func (c *cluster) tail() float64 {
	n := min(c.n, probePackets)
	if n < 3*probeLeast {
		return Ceiling
	}
	from, to := c.recv[n-1-n/3], c.recv[n-1]
	return float64(to.bytes-from.bytes) * 8e9 / float64(max(to.at-from.at, ms))
}

func (p *prober) failed(now int64) {
	p.due = now + p.wait
	p.wait = min(p.wait*3/2, probeWaitMost)
}
