package proto

import (
	"math"

	"veche.example/internal/room"
)

// View says what each seat shall show; seats that it does not name show nothing.
type View struct {
	Seats []Wish `json:"seats"`
}

// What may stand in Wish.Member for an id.
const (
	First   = "first"   // the room's first publisher
	Speaker = "speaker" // who speaks, or did last; never the client itself
	Loud    = "loud"    // sound of somebody who is loud and on no other seat of the client
)

// Wish is what one seat shall show.
type Wish struct {
	Seat   int    `json:"seat"`
	Member string `json:"member"` // or First, Speaker, Loud
	Source string `json:"source"`
	Width  int    `json:"width"` // of the tile in pixels
	Height int    `json:"height"`
	Paused bool   `json:"paused"`
}

// maxPixels is the largest width or height of a tile.
const maxPixels = 1 << 14

// Type implements Request.
func (View) Type() string { return "view" }

// Needs implements Request.
func (View) Needs() []room.Message { return []room.Message{room.MsgView} }

func decodeView(o *object) Request {
	m := View{Seats: []Wish{}}
	var seen [MaxSeats]bool
	// CSS sizes times the device's pixel ratio are rarely whole.
	pixels := func(w *object, key string) int { return int(math.Ceil(w.number(key, 0, maxPixels))) }
	o.objects("seats", MaxSeats, func(_ int, w *object) {
		s := Wish{
			Seat:   int(w.int("seat", 0, MaxSeats-1)),
			Member: w.id("member"),
			Source: w.enum("source", string(room.SourceCamera), string(room.SourceScreen)),
			Width:  pixels(w, "width"), Height: pixels(w, "height"),
			Paused: w.bool("paused"),
		}
		if seen[s.Seat] {
			o.bad("seats", "a seat twice")
		}
		seen[s.Seat] = true
		m.Seats = append(m.Seats, s)
	})
	return m
}
