package sfu

import "sync/atomic"

const (
	// rateStep and rateSteps are the window of the rate: four times a quarter of a second.
	rateStep  = int64(250e6)
	rateSteps = 4
	// rateHeaders is what a packet costs besides its payload: RTP header with extensions, and the tag of SRTP.
	rateHeaders = 40
)

// rates counts bytes by layer once per packet. The writer's goroutine owns it, but for sum and at.
type rates struct {
	step [rateSteps][levels]uint32
	n    int                   // steps that are full, up to rateSteps
	cur  int                   // the one being filled
	end  int64                 // arrival that ends it
	sum  [levels]atomic.Uint32 // bit/s of each layer alone
	at   atomic.Int64          // when sum was made, 0 = never
}

// note counts a packet of a layer (the index of its level).
func (r *rates) note(layer, size int, arrival int64) {
	if arrival >= r.end {
		r.turn(arrival)
	}
	r.step[r.cur][layer] += uint32(size + rateHeaders)
}

// turn begins the next step, and afterwards the sums are those of the last full steps.
func (r *rates) turn(arrival int64) {
	if r.end == 0 || arrival-r.end >= rateStep*rateSteps { // the first packet, or the first after a pause
		r.step, r.n, r.cur, r.end = [rateSteps][levels]uint32{}, 0, 0, arrival+rateStep
		return
	}
	for arrival >= r.end {
		r.end += rateStep
		r.n = min(r.n+1, rateSteps)
		r.publish(arrival)
		r.cur = (r.cur + 1) % rateSteps
		r.step[r.cur] = [levels]uint32{}
	}
}

func (r *rates) publish(arrival int64) {
	for l := range levels {
		bytes := uint64(0)
		for i := range rateSteps {
			bytes += uint64(r.step[i][l])
		}
		r.sum[l].Store(uint32(bytes * 8 * 1e9 / uint64(int64(r.n)*rateStep)))
	}
	r.at.Store(max(arrival, 1))
}

// of is the sum of all layers up to a level; any goroutine may ask.
func (r *rates) of(l Level, now int64) int {
	at := r.at.Load()
	if at == 0 || now-at > rateStep*rateSteps {
		return 0
	}
	sum, l := 0, levelAt(l.index())
	for s := range l.Spatial + 1 {
		for t := range l.Temporal + 1 {
			sum += int(r.sum[Level{s, t}.index()].Load())
		}
	}
	return sum
}
