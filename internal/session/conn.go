package session

import (
	"context"
	"fmt"
	"slices"

	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/sfu"
)

// conn is one generation of a media connection: a peer, and what its sections are for. It is the
// peer's rtc.Handler and only takes notes there; the worker does the rest.
type conn struct {
	m    *Media
	pc   int
	peer Peer

	candidates int // since the last offer; guarded by Media.talk

	// The following are guarded by Media.mu.
	sections map[string]room.Source // on which the client sends, by mid; replaced, never changed
	rids     map[string][]string    // simulcast of the offer, by mid; replaced, never changed
	tracks   map[layer]*sfu.Track
	known    map[*sfu.Track]*known
	seats    []*seat // replaced, never changed
	state    rtc.State
	up       bool // was connected

	// The following are the worker's.
	said   MediaState
	closed bool
}

// layer is one encoding on a section; rid is "" unless there are several.
type layer struct{ mid, rid string }

// Track implements rtc.Handler.
func (c *conn) Track(mid, rid string, t *sfu.Track) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.tracks == nil {
		c.tracks, c.known = map[layer]*sfu.Track{}, map[*sfu.Track]*known{}
	}
	if old := c.tracks[layer{mid, rid}]; old == nil {
		c.m.s.m.stats.tracks.Add(1)
	} else {
		delete(c.known, old)
		c.m.s.stage.ledger.end(old)
	}
	c.m.s.stage.ledger.begin(t)
	c.tracks[layer{mid, rid}], c.known[t] = t, &known{}
	c.m.kick()
}

// Ended implements rtc.Handler.
func (c *conn) Ended(mid, rid string, t *sfu.Track) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.tracks[layer{mid, rid}] == t {
		delete(c.tracks, layer{mid, rid})
		delete(c.known, t)
		c.m.s.stage.ledger.end(t)
		c.m.s.m.stats.tracks.Add(-1)
		c.m.kick()
	}
}

// State implements rtc.Handler.
func (c *conn) State(s rtc.State) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if final(c.state) {
		return
	}
	c.state = s
	c.up = c.up || s == rtc.Connected
	c.m.kick()
}

// dead says whether the connection is over.
func (c *conn) dead() bool {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	return final(c.state)
}

func final(s rtc.State) bool { return s == rtc.Failed || s == rtc.Closed }

// negotiate answers an offer; Media.talk is held. The sections of a refused one are those of before.
func (c *conn) negotiate(ctx context.Context, o Offer) (string, error) {
	before, was, err := c.assign(o)
	if err != nil {
		return "", err
	}
	c.candidates = 0
	ask := rtc.Offer{SDP: o.SDP}
	for _, t := range o.Tracks {
		ask.Publish = append(ask.Publish, t.MID)
	}
	for _, s := range o.Seats {
		for _, mid := range []string{s.Audio, s.Video} {
			if mid != "" {
				ask.Receive = append(ask.Receive, mid)
			}
		}
	}
	answer, err := c.peer.Offer(ctx, ask)
	if err != nil {
		c.m.mu.Lock()
		c.sections, c.rids = before, was
		c.m.mu.Unlock()
		return "", wireError(err, CodeSDP)
	}
	c.open(o.Seats)
	return answer, nil
}

// assign notes what the sections are for before the peer can tell of their tracks.
func (c *conn) assign(o Offer) (before map[string]room.Source, rids map[string][]string, err error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	for i, have := range c.seats {
		if i >= len(o.Seats) || !extends(have.mids.Audio, o.Seats[i].Audio) || !extends(have.mids.Video, o.Seats[i].Video) {
			return nil, nil, &room.Error{Code: room.CodeBadMessage, Text: fmt.Sprintf("seats: %d has changed; seats only grow", i)}
		}
	}
	before, rids = c.sections, c.rids
	c.rids = ridsOf(o.SDP)
	c.sections = make(map[string]room.Source, len(o.Tracks))
	for _, t := range o.Tracks {
		c.sections[t.MID] = t.Source
	}
	return before, rids, nil
}

// extends says whether a section may follow another one at its place.
func extends(old, mid string) bool { return old == "" || old == mid }

// half makes half a seat of a section.
func (c *conn) half(mid string) *half {
	slot := c.peer.Slot(mid)
	if slot != nil {
		c.m.s.stage.ledger.open(slot)
	}
	return newHalf(slot, c.m.kick)
}

// open makes the seats that are new. The worker may be busy with the others.
func (c *conn) open(pairs []SeatPair) {
	c.m.mu.Lock()
	old := c.seats
	c.m.mu.Unlock()
	seats := slices.Clone(old)
	for i, p := range pairs {
		if i < len(old) && old[i].mids == p {
			continue
		}
		s := newSeat(i, p)
		if i < len(old) {
			s.audio, s.video = old[i].audio, old[i].video
			seats[i] = s
		} else {
			seats = append(seats, s)
		}
		if s.audio == nil && p.Audio != "" {
			s.audio = c.half(p.Audio)
		}
		if s.video == nil && p.Video != "" {
			s.video = c.half(p.Video)
		}
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.seats = seats
	c.m.kick()
}
