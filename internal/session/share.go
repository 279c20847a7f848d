package session

import (
	"math"
	"slices"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc/pace"
	"veche.example/internal/session/allot"
	"veche.example/internal/sfu"
)

const (
	// lookPause is how often a session looks at what nobody tells of: rates, and what the way carries.
	lookPause = 250 * time.Millisecond
	// calmPause is how often it does while the way carries all there is to show: a look costs as much as dozens of packets.
	calmPause = 2 * time.Second
	// linkPause is how often a client is told of its way at most.
	linkPause = 2 * time.Second
	// soundRate is what a sound is reckoned with at least, in bit/s.
	soundRate = 40_000
	// grace is how long a new connection shows the most important picture even if nothing says that its way carries that:
	// there is no smaller one, and the way is found out by sending.
	grace = 3 * time.Second
)

// sharing is what a session's worker remembers of how it has shared the way. It belongs to the worker.
type sharing struct {
	allot   allot.Allocator
	speaker room.MemberID // the last besides the member itself
	heard   room.MemberID // as told
	link    Link          // as told
	at      time.Time     // when
	calm    bool          // there is nothing to choose, and the way is wide enough
	conn    *conn         // the connection of the last look that was up
	since   time.Time     // since when it was
}

// seat fills the seats and tells what has changed of them.
func (m *Media) seat(g glance) {
	s := m.s
	acts, h := s.stage.look(), s.stage.hears()
	m.announce(h)
	wishes := seated(g.wishes, h, m.sharing.speaker, s.who.Member, func(seat int) room.MemberID {
		if seat < len(g.seats) {
			return g.seats[seat].told.Member
		}
		return ""
	})
	wish := make(map[int]*Wish, len(wishes))
	for i := range wishes {
		wish[wishes[i].Seat] = &wishes[i]
	}
	plans := make([]plan, len(g.seats))
	s.mu.Lock()
	for i := range g.seats {
		plans[i] = s.view.plan(wish[i], acts, h)
	}
	s.mu.Unlock()
	m.share(g, plans, wish, h)
	permits := func(t *sfu.Track) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.view.permits(t, acts)
	}
	var changed []Seat
	for i, seat := range g.seats {
		if !g.up {
			plans[i].postpone()
		}
		was := seat.told
		now, news := seat.fill(plans[i], permits)
		if news {
			changed = append(changed, now)
		}
		if was.switched(now) {
			s.stage.ledger.switches.Add(1)
		}
	}
	if len(changed) > 0 {
		s.m.stats.switches.Add(int64(len(changed)))
		s.tell(func(out Outlet) bool { return out.Seats(changed) })
	}
}

// switched says whether another layer of the same picture is shown.
func (s Seat) switched(now Seat) bool {
	a, b := s.Layer, now.Layer
	return s.Member == now.Member && s.Source == now.Source && a.Of > 0 && b.Of > 0 &&
		(a.Index != b.Index || a.Spatial != b.Spatial || a.Temporal != b.Temporal)
}

// announce tells the client who speaks.
func (m *Media) announce(h hearing) {
	if h.speaker != m.s.who.Member {
		m.sharing.speaker = h.speaker
	}
	if h.speaker != m.sharing.heard {
		m.sharing.heard = h.speaker
		m.s.tell(func(out Outlet) bool { return out.Notice(SpeakerChanged{h.speaker}) })
	}
}

// share decides which encoding and level each seat shows, and has the publishers told of it.
func (m *Media) share(g glance, plans []plan, wish map[int]*Wish, h hearing) {
	var seats []allot.Seat
	levels := make([][]sfu.Level, len(plans))
	sound := 0
	for i := range plans {
		p := &plans[i]
		if t := p.audio.track; t != nil {
			sound += max(t.Rate(sfu.Top), soundRate)
		}
		if len(p.video.feed) == 0 || g.seats[i].video == nil {
			continue
		}
		seat := allot.Seat{Number: i, Source: p.member + " " + string(p.source), Width: wish[i].Width, Height: wish[i].Height, Paused: p.video.pause}
		seat.Options, levels[i] = p.video.feed.options()
		if most := wish[i].Most; most != nil {
			seat.Options, levels[i] = p.video.feed.upTo(most, seat.Options, levels[i])
		}
		switch {
		case p.source == room.SourceScreen:
			seat.Rank = allot.Screen
		case p.member == m.sharing.speaker && p.member != "":
			seat.Rank = allot.Speaker
		}
		seats = append(seats, seat)
	}
	budget := 0
	way, _ := g.conn.peer.(Way)
	var is pace.Estimate
	if way != nil {
		if is = way.Estimate(); is.Bitrate < pace.Unlimited {
			budget = max(is.Bitrate-sound, 1)
		}
	}
	if g.up && m.sharing.conn != g.conn {
		m.sharing.conn, m.sharing.since = g.conn, time.Now()
	}
	if first := allot.First(seats); budget > 0 && time.Since(m.sharing.since) < grace {
		budget = max(budget, first+first*allot.Margin/100)
	}
	m.sharing.allot.Lost(time.Duration(media.Now()), is.Lost)
	share := m.sharing.allot.Share(time.Duration(media.Now()), budget, seats)
	m.sharing.calm = !share.Limited && !is.Limited && !slices.ContainsFunc(seats, func(s allot.Seat) bool { return len(s.Options) > 1 })
	demands := map[wanted]demand{}
	for k, c := range share.Choices {
		p := &plans[seats[k].Number]
		p.choose(c, seats[k].Options, levels[seats[k].Number], demands)
		if old := g.seats[seats[k].Number].video.flows(p.video.feed); c.Option != allot.None && old >= 0 { // until the other one begins
			key := wanted{p.member, p.source}
			demands[key] = demands[key].and(demand{1 << old, sfu.Level{}})
		}
	}
	if !g.up {
		demands = nil // what would begin now would be lost
	}
	m.s.stage.want(m, demands)
	if way != nil {
		way.Demand(share.Wanted + share.Wanted*allot.Margin/100 + sound)
		m.link(is, share.Limited)
	}
}

// choose puts a choice into the plan, and into what is wanted of publishers.
func (p *plan) choose(c allot.Choice, options []allot.Option, levels []sfu.Level, demands map[wanted]demand) {
	p.why = c.Why
	key := wanted{p.member, p.source}
	if c.Why == allot.ByPublisher && c.Want != allot.None { // so that it comes back when the publisher can
		demands[key] = demands[key].and(demand{1 << options[c.Want].Encoding, levels[c.Want]})
	}
	if c.Option == allot.None {
		p.video.pause = true
		return
	}
	o := options[c.Option]
	p.video.track, p.video.level = p.video.feed[o.Encoding].track, levels[c.Option]
	demands[key] = demands[key].and(demand{1 << o.Encoding, levels[c.Option]})
}

// link tells the client how its way is, when that has changed and not too often.
func (m *Media) link(is pace.Estimate, limited bool) {
	sh := &m.sharing
	now := time.Now()
	if is.Bitrate >= pace.Unlimited || now.Sub(sh.at) < linkPause {
		return
	}
	next := Link{
		Estimate: is.Bitrate, Lost: math.Round(is.Lost*1000) / 10, RTT: is.RTT.Round(time.Millisecond), Limited: limited,
	}
	was := sh.link
	differs := func(a, b, least int) bool { return max(a-b, b-a) > max(least, a/10) }
	if !sh.at.IsZero() && next.Limited == was.Limited && !differs(was.Estimate, next.Estimate, 10_000) &&
		math.Abs(was.Lost-next.Lost) < 1 && !differs(int(was.RTT.Milliseconds()), int(next.RTT.Milliseconds()), 10) {
		return
	}
	sh.link, sh.at = next, now
	m.s.tell(func(out Outlet) bool { return out.Notice(next) })
}

// postpone keeps a plan waiting for the transport: a key frame would be lost on it.
func (p *plan) postpone() {
	for _, w := range []*want{&p.audio, &p.video} {
		if w.track != nil {
			w.feed, w.track, w.why = nil, nil, SeatWaiting
			if w.pause {
				w.why = SeatPaused
			}
		}
	}
}
