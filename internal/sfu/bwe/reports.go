package bwe

// Reports estimates the link of a client that sends no transport-wide feedback, from the loss that it reports (RFC 3550 §6.4)
// and the limit that it sends (draft-alvestrand-rmcat-remb-03). The zero value knows of no limit.
type Reports struct {
	target  float64 // 0 = no limit
	share   float64
	at      int64 // last change
	bad     int   // reports of much loss in a row
	allowed float64
	told    int64
}

const (
	// tellFor is how long a limit counts that is not repeated.
	tellFor = int64(5e9)
	// reportGap is how long one stream's report speaks for the others.
	reportGap = 500 * ms
)

// Lost takes one report: the share lost, and what was sent meanwhile in bit/s.
func (r *Reports) Lost(share, sent float64, now int64) {
	if r.at != 0 && now-r.at < reportGap {
		r.share = max(r.share, share)
		return
	}
	dt := min(float64(now-r.at)/1e9, 5)
	r.at = now
	worst := max(r.share, share)
	r.share = share
	switch {
	case worst > lossHigh:
		if r.bad++; r.bad > 1 { // one bad report may be an accident
			from := max(sent, Floor)
			if r.target != 0 {
				from = min(from, r.target)
			}
			r.target = max(from*(1-0.5*worst), Floor)
		}
	case worst < lossLow:
		r.bad = 0
		if r.target *= 1 + 0.08*dt; r.target > 4*max(sent, Start) {
			r.target = 0 // far above what is sent: no limit
		}
	default:
		r.bad = 0
	}
}

// Allowed takes a limit in bit/s.
func (r *Reports) Allowed(bitrate float64, now int64) { r.allowed, r.told = bitrate, now }

// Limit is what the client allows, in bit/s.
func (r *Reports) Limit(now int64) int {
	if r.told != 0 && now-r.told < tellFor {
		return int(min(max(r.allowed, Floor), Ceiling))
	}
	return Ceiling
}

// Estimate is how much may be sent, in bit/s; Ceiling if no limit is known.
func (r *Reports) Estimate(now int64) int {
	if r.target == 0 {
		return r.Limit(now)
	}
	return min(int(r.target), r.Limit(now))
}

// Share is the share lost, as reported last.
func (r *Reports) Share() float64 { return r.share }
