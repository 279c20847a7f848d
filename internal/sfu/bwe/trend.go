package bwe

// usage is what the trend of the delays says about the link.
type usage uint8

const (
	normal usage = iota
	over         // a queue grows
	under        // a queue shrinks
)

const (
	burst     = 5 * ms // packets sent within it are one group
	window    = 20     // groups that the line is laid through
	smoothing = 0.9
	gain      = 4.0
	// The threshold follows the noise of the link (draft-ietf-rmcat-gcc-02 §5.4), in ms.
	threshold, thresholdLeast, thresholdMost = 12.5, 6.0, 600.0
	thresholdUp, thresholdDown               = 0.0087, 0.039
	thresholdJump                            = 15.0
	overTime                                 = 10.0 // ms for which the trend must be over it
	// jumped is a difference that no queue makes: the client's clock or its path has changed.
	jumped = 3000 * ms
)

// trend lays a line through the delays of groups of packets; its slope says whether a queue grows.
type trend struct {
	cur, prev   group
	points      [window]point
	n           int
	first       int64 // arrival of the first group
	accumulated float64
	smooth      float64
	deltas      int
	last        float64 // slope before
	limit       float64
	changed     int64 // arrival at which limit was adapted last
	overFor     float64
	overs       int
	state       usage
}

type group struct {
	begin, sent, arrival int64 // first and last sent, last arrival
	there                bool
}

type point struct{ at, delay float64 } // ms

func (t *trend) init() { t.limit = threshold }

// restart forgets the delays, since they were caused on purpose.
func (t *trend) restart() {
	limit := t.limit
	*t = trend{limit: limit}
}

func (t *trend) usage() usage { return t.state }

// note takes the next packet.
func (t *trend) note(a *arrival) {
	g := &t.cur
	switch {
	case !g.there:
		*g = group{a.sent, a.sent, a.arrival, true}
		return
	case a.sent < g.begin: // out of order: its group is over
		return
	case a.sent-g.begin <= burst || t.joins(a):
		g.sent, g.arrival = max(g.sent, a.sent), max(g.arrival, a.arrival)
		return
	}
	if t.prev.there {
		t.step()
	}
	t.prev = t.cur
	t.cur = group{a.sent, a.sent, a.arrival, true}
}

// joins tells whether the packet came in one go with the group, though it was sent later: the link had stopped for a moment
// (Wi-Fi), which is no congestion.
func (t *trend) joins(a *arrival) bool {
	send, recv := a.sent-t.cur.sent, a.arrival-t.cur.arrival
	return recv-send < 0 && recv <= burst && a.arrival-t.cur.begin < 100*ms
}

// step compares the two last groups.
func (t *trend) step() {
	send, recv := t.cur.sent-t.prev.sent, t.cur.arrival-t.prev.arrival
	if recv < -jumped || recv-send > jumped || send-recv > jumped {
		t.restart()
		return
	}
	if recv < 0 {
		return
	}
	d := float64(recv-send) / 1e6
	if t.deltas == 0 {
		t.first = t.cur.arrival
	}
	t.deltas = min(t.deltas+1, 60)
	t.accumulated += d
	t.smooth = smoothing*t.smooth + (1-smoothing)*t.accumulated
	copy(t.points[:], t.points[1:])
	t.points[window-1] = point{float64(t.cur.arrival-t.first) / 1e6, t.smooth}
	t.n = min(t.n+1, window)
	slope := t.last
	if t.n == window {
		slope = t.slope()
	}
	t.detect(slope, float64(send)/1e6, t.cur.arrival)
}

// slope is the line of least squares through the points.
func (t *trend) slope() float64 {
	var x, y float64
	for _, p := range t.points {
		x += p.at
		y += p.delay
	}
	x, y = x/window, y/window
	var num, den float64
	for _, p := range t.points {
		num += (p.at - x) * (p.delay - y)
		den += (p.at - x) * (p.at - x)
	}
	if den == 0 {
		return 0
	}
	return num / den
}

// detect compares the slope with the threshold (§5.4, §5.5 of the draft).
func (t *trend) detect(slope, send float64, at int64) {
	m := float64(t.deltas) * slope * gain
	switch {
	case m > t.limit:
		t.overFor += send
		t.overs++
		if t.overFor > overTime && t.overs > 1 && slope >= t.last {
			t.overFor, t.overs = 0, 0
			t.state = over
		}
	case m < -t.limit:
		t.overFor, t.overs = 0, 0
		t.state = under
	default:
		t.overFor, t.overs = 0, 0
		t.state = normal
	}
	t.last = slope
	t.adapt(m, at)
}

// adapt lets the threshold follow, fast up and slowly down... of what lies within reach of it.
func (t *trend) adapt(m float64, at int64) {
	if m < 0 {
		m = -m
	}
	dt := min(float64(at-t.changed)/1e6, 100)
	t.changed = at
	if m > t.limit+thresholdJump {
		return
	}
	k := thresholdDown
	if m > t.limit {
		k = thresholdUp
	}
	t.limit = min(max(t.limit+k*(m-t.limit)*dt, thresholdLeast), thresholdMost)
}
