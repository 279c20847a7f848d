package sfu

import (
	"testing"

	"github.com/pion/rtp"

	"veche.example/internal/media"
)

// numbersOf is a Writer that notes what is sent.
type numbersOf struct {
	list []uint16
	then func()
}

func (n *numbersOf) WriteRTP(h *rtp.Header, _ []byte, _ Way) error {
	n.list = append(n.list, h.SequenceNumber)
	if n.then != nil {
		n.then()
	}
	return nil
}

// TestHeld: packets of a picture wait for its end, for Release, or for a full run; each is sent once and in order.
func TestHeld(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := NewTrack(TrackConfig{Codec: media.VP8})
	w := new(numbersOf)
	s := NewSlot(media.Video, w)
	s.Bind(binding())
	write := func(key bool, packets int, hold func(i int) bool) {
		for i, p := range src.next(key, packets) {
			p.Hold = hold(i)
			tr.Write(p)
		}
	}
	always := func(int) bool { return true }
	write(true, 3, always)
	if tr.Waiting() != 0 {
		t.Error("held for nobody")
	}
	if err := s.Show(tr); err != nil {
		t.Fatal(err)
	}
	write(false, 2, always)
	if len(w.list) != 0 || tr.Waiting() != 2 {
		t.Fatalf("sent %v, %d wait", w.list, tr.Waiting())
	}
	tr.Release(nil)
	if len(w.list) != 5 || tr.Waiting() != 0 { // from the key frame on
		t.Fatalf("sent %v, %d wait", w.list, tr.Waiting())
	}
	write(false, 3, func(i int) bool { return i < 2 })
	if len(w.list) != 8 || tr.Waiting() != 0 {
		t.Errorf("sent %v, %d wait", w.list, tr.Waiting())
	}
	write(false, maxHeld+1, always)
	if len(w.list) != 8+maxHeld || tr.Waiting() != 1 {
		t.Errorf("sent %d, %d wait", len(w.list), tr.Waiting())
	}
	src.ssrc++ // a new sequence: what waits is of the one before
	write(true, 1, always)
	tr.Release(nil)
	if len(w.list) != 8+maxHeld+2 {
		t.Errorf("sent %d", len(w.list))
	}
	for i, seq := range w.list {
		if seq != w.list[0]+uint16(i) {
			t.Fatalf("%v", w.list)
		}
	}
}

// TestPanicLeaves: a panic while a packet is sent leaves the slot to others: switching and closing do not wait for it for ever.
func TestPanicLeaves(t *testing.T) {
	for _, at := range []string{"begin", "deliver"} {
		t.Run(at, func(t *testing.T) {
			src, other := newSource(1, media.VP8), newSource(2, media.VP8)
			tr, next := NewTrack(TrackConfig{Codec: media.VP8}), NewTrack(TrackConfig{Codec: media.VP8})
			w := new(numbersOf)
			s := NewSlot(media.Video, w)
			s.Bind(binding())
			if err := s.Show(tr); err != nil {
				t.Fatal(err)
			}
			if at == "deliver" {
				tr.Write(src.next(true, 1)[0])
			}
			w.then = func() { panic("writer") }
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				tr.Write(src.next(true, 1)[0])
			}()
			w.then = nil
			if n := s.busy.Load(); n != 0 {
				t.Fatal("busy", n)
			}
			was := len(w.list)
			if err := s.Show(next); err != nil {
				t.Fatal(err)
			}
			next.Write(other.next(true, 1)[0])
			if len(w.list) != was+1 {
				t.Error("the next track does not flow")
			}
			s.Close()
		})
	}
}
