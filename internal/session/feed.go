package session

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"veche.example/internal/session/allot"
	"veche.example/internal/sfu"
)

const (
	// maxEncodings is how many encodings of a source are told apart.
	maxEncodings = 4
	// still is how long an encoding may send nothing before it is no choice, asked how long it gets to begin.
	still, asked = 750 * time.Millisecond, 3 * time.Second
	// usualWidth and usualHeight are the size of the largest of several encodings if it is not known.
	usualWidth, usualHeight = 1280, 720
	// fade is how fast a rate is forgotten, per look: 1/fade.
	fade = 64
)

// guess is the rate of an encoding that has not been seen, by its place.
var guess = [maxEncodings]int{150_000, 500_000, 1_500_000, 2_500_000}

// ridOrders are the names that encodings usually have, the smallest first.
var ridOrders = [][]string{{"l", "m", "h"}, {"q", "h", "f"}, {"low", "mid", "high"}, {"low", "medium", "high"}}

// feed is the encodings of one source, the smallest first. It is immutable but for what is known.
type feed []encoding

// encoding is one of them.
type encoding struct {
	rid   string
	track *sfu.Track // nil = offered, but not seen yet
	known *known     // nil with it
}

// known is what the publisher's worker has found out about a track, for the workers of those who watch.
type known struct {
	rates [9]atomic.Int64 // bit/s of each level, remembered while nothing comes
	dead  atomic.Bool     // asked for, but not sent

	// The following belong to the publisher's worker.
	packets uint64
	flowed  time.Time // when packets last came
	wanted  time.Time // since when it is asked for, zero = it is not
}

// ridsOf lists the simulcast encodings that an offer has, by mid (RFC 8851 §4).
func ridsOf(sdp string) map[string][]string {
	out := map[string][]string{}
	mid, list := "", []string(nil)
	end := func() {
		if len(list) > 1 && len(list) <= maxEncodings {
			out[mid] = list
		}
		mid, list = "", nil
	}
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "m="):
			end()
		case strings.HasPrefix(line, "a=mid:"):
			mid = line[len("a=mid:"):]
		case strings.HasPrefix(line, "a=rid:"):
			if f := strings.Fields(line[len("a=rid:"):]); len(f) > 1 && f[1] == "send" && !slices.Contains(list, f[0]) {
				list = append(list, f[0])
			}
		}
	}
	end()
	return out
}

// newFeed puts the encodings of a section in order. rids are those of the offer; without simulcast there are none.
func newFeed(rids []string, tracks map[string]*sfu.Track, known map[*sfu.Track]*known) feed {
	var f feed
	add := func(rid string) {
		if t := tracks[rid]; t != nil {
			f = append(f, encoding{rid, t, known[t]})
		} else {
			f = append(f, encoding{rid: rid})
		}
	}
	for _, rid := range rids {
		add(rid)
	}
	var rest []string
	for rid := range tracks {
		if !slices.Contains(rids, rid) {
			rest = append(rest, rid)
		}
	}
	slices.Sort(rest)
	for _, rid := range rest {
		if len(f) < maxEncodings {
			add(rid)
		}
	}
	if i := slices.IndexFunc(f, func(e encoding) bool { return e.track != nil }); i < 0 {
		return nil
	}
	f.sort()
	return f
}

// sort puts the smallest first: by their names if these are usual, else by size, as far as it is known.
func (f feed) sort() {
	for _, order := range ridOrders {
		if len(f) > 1 && !slices.ContainsFunc(f, func(e encoding) bool { return !slices.Contains(order, e.rid) }) {
			slices.SortStableFunc(f, func(a, b encoding) int { return slices.Index(order, a.rid) - slices.Index(order, b.rid) })
			return
		}
	}
	for _, e := range f {
		if e.track == nil {
			return
		}
		if w, _ := e.track.Size(); w == 0 {
			return
		}
	}
	slices.SortStableFunc(f, func(a, b encoding) int {
		aw, ah := a.track.Size()
		bw, bh := b.track.Size()
		return aw*ah - bw*bh
	})
}

// one is a track of the feed; all have the same kind and codec. nil only without encodings.
func (f feed) one() *sfu.Track {
	for _, e := range f {
		if e.track != nil {
			return e.track
		}
	}
	return nil
}

// place is the index of a track, -1 if it is not there.
func (f feed) place(t *sfu.Track) int {
	return slices.IndexFunc(f, func(e encoding) bool { return t != nil && e.track == t })
}

// refresh notes what has come since the last time; wanted says for each encoding whether the publisher is asked for
// it. True if something has changed that matters to those who watch.
func (f feed) refresh(now time.Time, wanted uint8) (changed bool) {
	for i, e := range f {
		k := e.known
		if k == nil {
			continue
		}
		if n := e.track.Stats().Packets; n != k.packets || k.flowed.IsZero() {
			k.packets, k.flowed = n, now
		}
		if wanted&(1<<i) == 0 {
			k.wanted = time.Time{}
		} else if k.wanted.IsZero() {
			k.wanted = now
		}
		k.note(e.track)
		dead := !k.wanted.IsZero() && now.Sub(k.flowed) > still && now.Sub(k.wanted) > asked
		changed = k.dead.Swap(dead) != dead || changed
	}
	return changed
}

// note keeps the rates.
func (k *known) note(t *sfu.Track) {
	for i := range k.rates {
		now := int64(t.Rate(sfu.Level{Spatial: int8(i / 3), Temporal: int8(i % 3)}))
		if now == 0 {
			continue
		}
		if last := k.rates[i].Load(); now < last {
			now = max(now, last-last/fade)
		}
		k.rates[i].Store(now)
	}
}

// rate is what a level costs, as far as is known.
func (f feed) rate(i int, l sfu.Level) int {
	e := f[i]
	if e.track == nil {
		return guess[i]
	}
	if now := e.track.Rate(l); now > 0 {
		return now
	}
	if e.known != nil {
		if last := e.known.rates[int(l.Spatial)*3+int(l.Temporal)].Load(); last > 0 {
			return int(last)
		}
	}
	if e.track.Kind().String() == "video" && len(f) > 1 {
		return guess[i]
	}
	return 0
}

// options lists the ways to show the feed, and the level of each.
func (f feed) options() (list []allot.Option, levels []sfu.Level) {
	alive := slices.ContainsFunc(f, encoding.live)
	for i, e := range f {
		spatial, temporal := 1, 1
		width, height := 0, 0
		if e.track != nil {
			spatial, temporal = e.track.Levels()
			width, height = e.track.Size()
		}
		if width == 0 && len(f) > 1 { // not known: the usual
			width, height = usualWidth>>(len(f)-1-i), usualHeight>>(len(f)-1-i)
		}
		for s := range spatial {
			from := temporal - 1
			if i == 0 && s == 0 {
				from = 0
			}
			for t := from; t < temporal; t++ {
				l := sfu.Level{Spatial: int8(s), Temporal: int8(t)}
				if s == spatial-1 {
					l.Spatial = sfu.Top.Spatial
				}
				if t == temporal-1 {
					l.Temporal = sfu.Top.Temporal
				}
				levels = append(levels, l)
				list = append(list, allot.Option{
					Encoding: i, Spatial: int8(s), Temporal: int8(t), Rate: f.rate(i, l),
					Width: width >> (spatial - 1 - s), Height: height >> (spatial - 1 - s),
					Live: e.live() || !alive && e.track != nil,
				})
			}
		}
	}
	return list, levels
}

// live says whether an encoding is sent, or can be expected to be when it is asked for.
func (e encoding) live() bool { return e.track != nil && (e.known == nil || !e.known.dead.Load()) }
