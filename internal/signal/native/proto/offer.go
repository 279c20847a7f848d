package proto

import (
	"fmt"
	"slices"

	"veche.example/internal/room"
)

// Offer is the client's description of its media connection and what the sections are for.
type Offer struct {
	PC     int       `json:"pc"`
	SDP    string    `json:"sdp"`
	Tracks []Section `json:"tracks"`
	Seats  []Seat    `json:"seats"`
}

// Section is a section that the client sends on.
type Section struct {
	MID    string `json:"mid"`
	Source string `json:"source"`
}

// Seat is the two sections of a seat.
type Seat struct {
	A string `json:"a"`
	V string `json:"v"` // "" = none: a seat for sound
}

// MaxSeats is how many seats a client can open: with both sections each they are as many sections
// as one description may have.
const MaxSeats = 64

// Type implements Request.
func (Offer) Type() string { return "offer" }

// Needs implements Request. An offer that only watches, or carries nothing yet, is a subscriber's.
func (m Offer) Needs() []room.Message {
	var needs []room.Message
	if len(m.Tracks) > 0 {
		needs = append(needs, room.MsgOfferPublish)
	}
	if len(m.Seats) > 0 || len(m.Tracks) == 0 {
		needs = append(needs, room.MsgOfferSubscribe)
	}
	return needs
}

func decodeOffer(o *object) Request {
	m := Offer{PC: o.small("pc"), SDP: o.short("sdp", 1, MaxLarge), Tracks: []Section{}, Seats: []Seat{}}
	mids := map[string]bool{}
	claim := func(key string, i int, mid string) {
		if mids[mid] {
			o.bad(key, fmt.Sprintf("[%d]: a section is used twice", i))
		}
		mids[mid] = true
	}
	o.objects("tracks", len(sources), func(i int, t *object) {
		s := Section{MID: t.mid("mid"), Source: t.enum("source", sources...)}
		claim("tracks", i, s.MID)
		if slices.ContainsFunc(m.Tracks, func(e Section) bool { return e.Source == s.Source }) {
			o.bad("tracks", "a source twice")
		}
		m.Tracks = append(m.Tracks, s)
	})
	o.objects("seats", MaxSeats, func(i int, t *object) {
		s := Seat{A: t.mid("a")}
		claim("seats", i, s.A)
		if string(t.raw("v")) != `""` {
			s.V = t.mid("v")
			claim("seats", i, s.V)
		}
		m.Seats = append(m.Seats, s)
	})
	return m
}
