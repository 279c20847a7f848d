package session

import (
	"maps"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/sfu"
)

// patienceLess is how long less must be wanted of a source before its publisher is told.
const patienceLess = time.Second

// everything is the demand of somebody who has not said.
var everything = demand{mask: 1<<maxEncodings - 1, level: sfu.Top}

// demand is what is wanted of one source: encodings as bits, and the highest levels of any of them.
type demand struct {
	mask  uint8
	level sfu.Level
}

// wanted names a source that somebody watches.
type wanted struct {
	member room.MemberID
	source room.Source
}

// and adds what somebody else wants.
func (d demand) and(o demand) demand {
	switch {
	case d.mask == 0:
		return o
	case o.mask == 0:
		return d
	}
	return demand{d.mask | o.mask, sfu.Level{
		Spatial: max(d.level.Spatial, o.level.Spatial), Temporal: max(d.level.Temporal, o.level.Temporal),
	}}
}

// want replaces what m watches and wakes the publishers whom it concerns.
func (g *stage) want(m *Media, now map[wanted]demand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.demands[m]
	if maps.Equal(was, now) {
		return
	}
	if len(now) == 0 {
		delete(g.demands, m)
	} else {
		g.demands[m] = now
	}
	for _, a := range g.acts {
		for _, source := range videos {
			if k := (wanted{a.member, source}); was[k] != now[k] {
				a.owner.kick()
				break
			}
		}
	}
}

// wants is what all together want of a source.
func (g *stage) wants(member room.MemberID, source room.Source) (all demand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.demands {
		all = all.and(d[wanted{member, source}])
	}
	return all
}

// videos are the sources that have layers.
var videos = []room.Source{room.SourceCamera, room.SourceScreen}

// ask is what a publisher was told of a source.
type ask struct {
	demand
	less time.Time // since when less is wanted, zero = it is not
}

// request tells the publisher what is wanted of it, more at once, less after a while.
func (m *Media) request(now time.Time, feeds map[room.Source]feed) {
	var news []LayersWanted
	for _, source := range videos {
		f := feeds[source]
		if len(f) == 0 {
			delete(m.asks, source)
			continue
		}
		a, ok := m.asks[source]
		if !ok {
			a.demand = everything
		}
		want := m.s.stage.wants(m.s.who.Member, source)
		next := a.and(want)
		switch all := uint8(1)<<len(f) - 1; {
		case next.mask&all == want.mask&all && (next.level == want.level || want.mask == 0 && next.mask == 0):
			a.less = time.Time{}
		case a.less.IsZero():
			a.less = now
		case now.Sub(a.less) >= patienceLess:
			next, a.less = want, time.Time{}
		}
		if next != a.demand {
			a.demand = next
			news = append(news, next.told(source, len(f)))
		}
		m.asks[source] = a
		if f.refresh(now, a.mask) {
			m.s.stage.stir()
		}
	}
	if len(news) > 0 {
		m.s.tell(func(out Outlet) bool { return out.Notice(Layers(news)) })
	}
}

// told writes a demand for the publisher.
func (d demand) told(source room.Source, encodings int) LayersWanted {
	w := LayersWanted{Source: source, Wanted: []int{}, Spatial: All, Temporal: All}
	for i := range encodings {
		if d.mask&(1<<i) != 0 {
			w.Wanted = append(w.Wanted, i)
		}
	}
	if len(w.Wanted) > 0 && d.level.Spatial < sfu.Top.Spatial {
		w.Spatial = int(d.level.Spatial)
	}
	if len(w.Wanted) > 0 && d.level.Temporal < sfu.Top.Temporal {
		w.Temporal = int(d.level.Temporal)
	}
	return w
}

// stir wakes everybody who watches: something is different that the acts do not show.
func (g *stage) stir() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wake()
}
