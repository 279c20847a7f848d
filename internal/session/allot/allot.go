// Package allot shares what the way to one subscriber carries between the pictures that it watches.
//
// It is arithmetic without a clock or goroutine: who calls it says what time it is. Nobody is raised above the
// smallest picture before everybody has that; then the important are raised first. What is shown already is kept at its
// price, what is better costs a margin more, so that the choice does not sway with the rates.
package allot

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// Margin is the part by which a better picture must fit, in percent.
	Margin = 15
	// Hold is how long a seat that had to go down stays there at least; it doubles up to HoldMost while going up does not last.
	Hold, HoldMost = 2 * time.Second, 8 * time.Second
	// lasting is how long a better picture must have been possible for the hold to begin anew.
	lasting = 10 * time.Second

	// A way that loses so much of what is sent, averaged over lossSpan, gets the smallest pictures only, until it is less than lossLess:
	// a picture that takes one packet arrives, of one that takes ten some packet is lost, and lost again when it is repeated.
	lossMuch, lossLess = 0.15, 0.10
	lossSpan           = 2 * time.Second

	// A picture may be enlarged by so much, in percent; one that is shown already by so much more before it is given up.
	enlarge, enlargeShown = 125, 140
)

// Option is one way to show a source: an encoding up to a level.
type Option struct {
	Encoding          int  // 0 is the smallest
	Spatial, Temporal int8 // highest levels, from 0
	Rate              int  // bit/s
	Width, Height     int  // of the picture, 0 = unknown
	Live              bool // the publisher sends it, or can be expected to
}

// Seat is one picture to be shown.
type Seat struct {
	Number        int
	Source        string   // whatever names what is shown: another one begins without a past
	Options       []Option // from the least to the best; none = there is nothing to show
	Width, Height int      // of the tile in pixels, 0 = unknown: the best is wanted
	Rank          Rank
	Paused        bool // the subscriber does not want it
}

// Rank is how important a seat is; among equals the larger tile comes first.
type Rank uint8

// The ranks.
const (
	Plain Rank = iota
	Speaker
	Screen
)

// Why says why a seat does not show the best there is.
type Why string

// The reasons; "" = it is the best.
const (
	ByTile      Why = "tile"      // more would not be seen
	ByBandwidth Why = "bandwidth" // the way does not carry more
	ByPublisher Why = "publisher" // is not sent at the moment
	ByChoice    Why = "choice"    // the subscriber's
)

// None is the Choice.Option of a seat that shows nothing.
const None = -1

// Choice is what a seat shows.
type Choice struct {
	Option int // index of Seat.Options, or None
	Want   int // what it would show if the way carried it and the publisher sent it; None = nothing
	Why    Why
}

// Share is the outcome.
type Share struct {
	Choices []Choice // of the seats, in their order
	Used    int      // bit/s of what is shown
	Wanted  int      // bit/s if the way carried everything
	Limited bool     // some seat shows less because of the way
}

// Allocator remembers what seats have shown. It belongs to one goroutine.
type Allocator struct {
	seats map[int]*memory
	lost  float64 // averaged
	at    time.Duration
	lossy bool
}

// Lost notes the share of packets that the way loses at the time now, from 0 to 1.
func (a *Allocator) Lost(now time.Duration, share float64) {
	a.lost += (share - a.lost) * min(float64(now-a.at)/float64(lossSpan), 1)
	a.at = now
	a.lossy = a.lost > lossMuch || a.lossy && a.lost > lossLess
}

// memory is the past of a seat.
type memory struct {
	source string
	shown  Option        // the last choice; shown.Encoding < 0 = nothing
	free   time.Duration // when it may go up again
	hold   time.Duration // of the next time
	raised time.Duration // when it last went up
}

// task is a seat while its share is worked out.
type task struct {
	Seat
	past *memory
	now  int // index of the option that is shown, or what is nearest below; None = nothing
	want int // index by the tile
	cap  int // highest index that is sent
	got  int
}

// Share shares budget bit/s (0 = there is no limit) at the time now, of any clock that only goes forward.
func (a *Allocator) Share(now time.Duration, budget int, seats []Seat) Share {
	tasks := make([]*task, len(seats))
	for i, s := range seats {
		tasks[i] = a.task(s)
	}
	order := slices.Clone(tasks)
	slices.SortStableFunc(order, before)
	used := 0
	if a.lossy && budget <= 0 {
		budget = math.MaxInt
	}
	if budget <= 0 {
		for _, t := range tasks {
			t.got = t.cap
		}
	} else {
		used = least(order, now, budget)
		if !a.lossy {
			raise(order, now, budget, used)
		}
	}
	out := Share{Choices: make([]Choice, len(seats))}
	for i, t := range tasks {
		c := t.choice()
		out.Choices[i] = c
		if c.Option != None {
			out.Used += t.Options[c.Option].Rate
		}
		switch {
		case a.lossy && c.Option != None:
			out.Wanted += t.Options[c.Option].Rate
		case t.cap != None:
			out.Wanted += t.Options[t.cap].Rate
		}
		out.Limited = out.Limited || c.Why == ByBandwidth
		t.remember(now)
	}
	a.forget(seats)
	return out
}

// First is the rate of the least that the most important seat could show, 0 if there is none.
func First(seats []Seat) (rate int) {
	var best *task
	for _, s := range seats {
		t := &task{Seat: s}
		k := slices.IndexFunc(s.Options, func(o Option) bool { return o.Live })
		if k >= 0 && !s.Paused && (best == nil || before(t, best) < 0) {
			best, rate = t, s.Options[k].Rate
		}
	}
	return rate
}

// task prepares a seat.
func (a *Allocator) task(s Seat) *task {
	if a.seats == nil {
		a.seats = map[int]*memory{}
	}
	past := a.seats[s.Number]
	if past == nil || past.source != s.Source {
		past = &memory{source: s.Source, shown: Option{Encoding: None}, hold: Hold}
		a.seats[s.Number] = past
	}
	t := &task{Seat: s, past: past, now: None, want: None, cap: None, got: None}
	for k, o := range s.Options {
		if !better(o, past.shown) {
			t.now = k
		}
	}
	if s.Paused || len(s.Options) == 0 {
		return t
	}
	t.want = t.fitting()
	for k := range t.Options[:t.want+1] {
		if t.Options[k].Live {
			t.cap = k
		}
	}
	if t.cap == None { // less than the least that would fit is not sent: what is sent must do
		t.cap = slices.IndexFunc(t.Options, func(o Option) bool { return o.Live })
	}
	return t
}

// better says whether o is more than p.
func better(o, p Option) bool {
	return cmp.Or(cmp.Compare(o.Encoding, p.Encoding), cmp.Compare(o.Spatial, p.Spatial), cmp.Compare(o.Temporal, p.Temporal)) > 0
}

// fitting is the least option that fills the tile, with all pictures a second that there are of it; the best if the tile or
// the sizes are unknown.
func (t *task) fitting() int {
	top := len(t.Options) - 1
	if t.Width <= 0 || t.Height <= 0 {
		return top
	}
	for k, o := range t.Options {
		if o.Width <= 0 || o.Height <= 0 {
			continue
		}
		limit := enlarge
		if k == t.now {
			limit = enlargeShown
		}
		if min(100*t.Width/o.Width, 100*t.Height/o.Height) > limit {
			continue // a picture is fitted into its tile: the side that touches decides
		}
		for k < top && t.Options[k+1].Encoding == o.Encoding && t.Options[k+1].Spatial == o.Spatial {
			k++
		}
		return k
	}
	return top
}

// before is the order in which seats are served.
func before(a, b *task) int {
	return cmp.Or(
		-cmp.Compare(a.Rank, b.Rank),
		-cmp.Compare(a.Width*a.Height, b.Width*b.Height),
		cmp.Compare(a.Number, b.Number),
	)
}

// price is what an option costs: more than its rate if it is better than what is shown.
func (t *task) price(k int) int {
	rate := t.Options[k].Rate
	if k > t.now {
		rate += rate * Margin / 100
	}
	return rate
}

// next is the next better option that is sent, None if there is none that may be had.
func (t *task) next(now time.Duration) int {
	for k := t.got + 1; k <= t.cap; k++ {
		if t.Options[k].Live && (k <= t.now || now >= t.past.free) {
			return k
		}
	}
	return None
}

// least gives each the smallest, as long as there is room, and returns what that costs.
func least(order []*task, now time.Duration, budget int) (used int) {
	for _, t := range order {
		k := t.next(now)
		if k == None {
			continue
		}
		if cost := t.price(k); used+cost <= budget {
			t.got = k
			used += cost
		}
	}
	return used
}

// raise gives more, rank by rank, and within a rank one step at a time.
func raise(order []*task, now time.Duration, budget, used int) {
	for _, rank := range []Rank{Screen, Speaker, Plain} {
		for again := true; again; {
			again = false
			for _, t := range order {
				if t.Rank != rank || t.got == None {
					continue
				}
				k := t.next(now)
				if k == None {
					continue
				}
				if cost := t.price(k) - t.price(t.got); used+cost <= budget {
					t.got = k
					used += cost
					again = true
				}
			}
		}
	}
}

// choice tells the outcome of a seat.
func (t *task) choice() Choice {
	c := Choice{Option: t.got, Want: t.want}
	switch {
	case len(t.Options) == 0:
	case t.Paused:
		c.Why = ByChoice
	case t.got < t.cap:
		c.Why = ByBandwidth
	case t.cap != t.want:
		c.Why = ByPublisher
	case t.want < len(t.Options)-1:
		c.Why = ByTile
	}
	return c
}

// remember notes what a seat shows now.
func (t *task) remember(now time.Duration) {
	m := t.past
	limited := t.got < t.cap
	shown := Option{Encoding: None}
	if t.got != None {
		shown = t.Options[t.got]
	}
	switch {
	case t.Paused:
		m.free = now
	case limited && t.got < t.now: // went down because of the way
		if now-m.raised > lasting {
			m.hold = Hold
		}
		m.free = now + m.hold
		m.hold = min(2*m.hold, HoldMost)
	case t.got > t.now:
		m.raised = now
	}
	m.shown = shown
}

// forget drops the past of seats that are no more.
func (a *Allocator) forget(seats []Seat) {
	if len(a.seats) <= len(seats) {
		return
	}
	for n := range a.seats {
		if !slices.ContainsFunc(seats, func(s Seat) bool { return s.Number == n }) {
			delete(a.seats, n)
		}
	}
}
