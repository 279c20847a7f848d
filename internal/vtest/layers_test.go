package vtest

import (
	"testing"
	"time"

	"veche.example/internal/signal/native/proto"
)

// layered is a publisher with layers and a watcher with one seat.
func layered(t *testing.T) (s *stand, p, w *client) {
	s = newStand(t)
	p = s.join(Bot{Name: "p", Publish: true, Layers: true, Levels: true})
	w = s.join(Bot{Name: "w", Seats: 1})
	return s, p, w
}

// shows waits until a seat shows an encoding of three.
func (c *client) shows(seat, index int, why string) {
	c.t.Helper()
	c.wait("a layer", func(s State) bool {
		is := s.Seats[seat]
		return is.SeatInfo.Video == "live" && is.Layer != nil && is.Layer.Index == index && is.Layer.Of == 3 && is.Why == why
	})
}

func (c *client) look(seat int, member string, width int) {
	c.t.Helper()
	c.must(proto.View{Seats: []proto.Wish{{Seat: seat, Member: member, Source: "camera", Width: width, Height: width * 9 / 16}}})
}

// The layer follows the tile, the picture goes on meanwhile, and nothing is missing in the numbers.
func TestLayerFollowsTheTile(t *testing.T) {
	_, p, w := layered(t)
	for _, step := range []struct {
		width, index, high int
		why                string
	}{{160, 0, 90, "tile"}, {640, 2, 360, ""}, {320, 1, 180, "tile"}, {4000, 2, 360, ""}, {100, 0, 90, "tile"}} {
		w.look(0, p.ID(), step.width)
		w.shows(0, step.index, step.why)
		w.wait("the size", func(s State) bool { l := s.Seats[0].Layer; return l != nil && l.Height == step.high })
		w.flows(0)
	}
	if lost := w.State().Seats[0].Video.Lost; lost > 0 {
		t.Errorf("%d packets are missing", lost)
	}
}

// What nobody watches is not sent for longer than 2 s, what somebody watches again comes within a second.
func TestPublisherSendsWhatIsWatched(t *testing.T) {
	_, p, w := layered(t)
	w.look(0, p.ID(), 160)
	w.shows(0, 0, "tile")
	wanted := func(want ...int) func(State) bool {
		return func(s State) bool {
			if len(s.Layers) != 1 || len(s.Layers[0].Wanted) != len(want) {
				return false
			}
			for i, k := range want {
				if s.Layers[0].Wanted[i] != k {
					return false
				}
			}
			return true
		}
	}
	p.wait("only the smallest is wanted", wanted(0))
	was := p.Sent()
	w.flows(0)
	if now := p.Sent(); now[1] > was[1]+1 || now[2] > was[2]+1 || now[0] == was[0] {
		t.Errorf("sent %v, then %v", was, now)
	}
	began := time.Now()
	w.look(0, p.ID(), 4000)
	w.shows(0, 2, "")
	if took := time.Since(began); took > time.Second {
		t.Errorf("the first picture of a resumed layer came after %v", took)
	}
	began = time.Now()
	w.must(proto.View{Seats: []proto.Wish{{Seat: 0, Member: p.ID(), Source: "camera", Width: 640, Height: 360, Paused: true}}})
	p.wait("nothing is wanted", wanted())
	if took := time.Since(began); took < 900*time.Millisecond || took > 2*time.Second {
		t.Errorf("told after %v that nobody watches", took)
	}
	began = time.Now()
	w.look(0, p.ID(), 160)
	w.shows(0, 0, "tile")
	if took := time.Since(began); took > time.Second {
		t.Errorf("the first picture came after %v", took)
	}
}

// Eight microphones, of which the loudest five are sent; whoever speaks is told, and heard by a seat for sound.
func TestLoudestAreHeard(t *testing.T) {
	s := newStand(t)
	const n = 8
	var all []*client
	for range n {
		all = append(all, s.join(Bot{Name: "p", Publish: true, Levels: true}))
	}
	w := s.join(Bot{Name: "w", Seats: n, Sounds: 1, Watch: true})
	w.wait("all seats", func(s State) bool {
		live := 0
		for _, seat := range s.Seats {
			if seat.SeatInfo.Audio == "live" && seat.SeatInfo.Video == "live" {
				live++
			}
		}
		return live >= n
	})
	sent := func() (list []int) {
		was := w.State()
		w.wait("time", func(s State) bool { return s.Seats[0].Video.Frames > was.Seats[0].Video.Frames+5 })
		now := w.State()
		for i := range n {
			if now.Seats[i].Audio.Packets > was.Seats[i].Audio.Packets+3 {
				list = append(list, i)
			}
		}
		return list
	}
	w.wait("five sounds", func(State) bool { return len(sent()) == 5 })
	for _, i := range []int{7, 0, 6} {
		before := w.State().Seats[i].Audio.Packets
		began := time.Now()
		all[i].Speak(25)
		w.wait("the speaker", func(s State) bool { return s.Speaker == all[i].ID() })
		if took := time.Since(began); took > 600*time.Millisecond {
			t.Errorf("told after %v who speaks", took)
		}
		if got := w.State().Seats[i].Audio.Packets - before; got < 5 {
			t.Errorf("%d packets of the speaker by then", got)
		}
		all[i].Speak(silence)
	}
	if n := w.State().Speakers; n != 3 {
		t.Errorf("told %d times who speaks", n)
	}
	loud := s.join(Bot{Name: "sound only", Sounds: 2, Watch: true})
	all[3].Speak(20)
	loud.wait("the speaker's sound", func(s State) bool {
		return s.Seats[0].Member == all[3].ID() && s.Seats[0].Audio.Packets > 5 || s.Seats[1].Member == all[3].ID() && s.Seats[1].Audio.Packets > 5
	})
}
