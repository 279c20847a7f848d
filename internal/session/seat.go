package session

import (
	"errors"
	"sync/atomic"

	"veche.example/internal/room"
	"veche.example/internal/sfu"
)

// seat is two slots of a media connection and what was told of them. It belongs to the worker of its Media.
type seat struct {
	mids         SeatPair
	audio, video *half
	told         Seat
}

// newSeat makes an empty seat of which the client need not be told.
func newSeat(number int, mids SeatPair) *seat {
	return &seat{mids: mids, told: Seat{Seat: number, Source: room.SourceCamera, Audio: SeatNone, Video: SeatNone}}
}

// half is one slot of a seat; nil = the seat has no such half.
type half struct {
	slot     *sfu.Slot
	on       bool                     // Show was given a track
	switched atomic.Pointer[switched] // by the packet path
	seen     *switched                // the last whose timestamp was told
}

// switched is the end of a switch: track flows from the RTP timestamp rtp on. It is immutable.
type switched struct {
	track *sfu.Track
	rtp   uint32
}

// newHalf makes a half that calls kick when a switch has ended.
func newHalf(slot *sfu.Slot, kick func()) *half {
	if slot == nil {
		return nil
	}
	h := &half{slot: slot}
	slot.OnSwitch(func(t *sfu.Track, rtp uint32) {
		h.switched.Store(&switched{t, rtp})
		kick()
	})
	return h
}

// fill makes the seat show p and returns what is to be told of it, if anything. permits judges what still
// flows while the seat waits for what it shall show.
func (s *seat) fill(p plan, permits func(*sfu.Track) bool) (Seat, bool) {
	now := Seat{Seat: s.told.Seat, Member: p.member, Source: p.source, Codec: p.codec, Why: p.why}
	now.Audio = s.audio.show(p.audio, permits)
	now.Video = s.video.show(p.video, permits)
	if now.Video == SeatLive {
		now.Layer = s.video.layer(p.video.feed)
	}
	was := s.told
	s.told = now
	if now.Video == SeatLive {
		now.RTP = s.video.fresh()
	}
	return now, now.RTP != nil || was != s.told
}

// show does what w says and returns how the half is.
func (h *half) show(w want, permits func(*sfu.Track) bool) SeatStatus {
	switch {
	case h == nil:
		return SeatNone
	case w.track == nil:
		h.hide()
		return w.why
	}
	if sw := h.switched.Load(); sw != nil && sw.track != w.track && !permits(sw.track) {
		h.hide()
	}
	if w.pause { // first: it must not begin to flow
		h.slot.Pause(true)
		h.switched.Store(nil)
	}
	h.on = true
	if err := h.slot.ShowAt(w.track, w.level); err != nil {
		h.hide()
		if errors.Is(err, sfu.ErrCodec) {
			return SeatUndecodable
		}
		return SeatNone // the track has just ended
	}
	if w.pause {
		return SeatPaused
	}
	h.slot.Pause(false) // last: it must not go on with what was shown before
	if sw := h.switched.Load(); sw != nil && (sw.track == w.track && h.slot.Status() == sfu.Live || sw.track != w.track && w.feed.place(sw.track) >= 0) {
		return SeatLive // or another encoding of it goes on until this one begins
	}
	return SeatWaiting
}

// flows is which encoding of a feed flows, -1 = none.
func (h *half) flows(f feed) int {
	if sw := h.switched.Load(); sw != nil {
		return f.place(sw.track)
	}
	return -1
}

// layer says what flows of a feed.
func (h *half) layer(f feed) Layer {
	sw, i := h.switched.Load(), h.flows(f)
	if i < 0 || f[i].track != sw.track {
		return Layer{}
	}
	level := h.slot.Stats().Level
	spatial, temporal := sw.track.Levels()
	l := Layer{
		Index: i, Of: len(f),
		Spatial: min(int(level.Spatial), spatial-1), Temporal: min(int(level.Temporal), temporal-1),
	}
	l.Width, l.Height = sw.track.Size()
	l.Width, l.Height = l.Width>>(spatial-1-l.Spatial), l.Height>>(spatial-1-l.Spatial)
	return l
}

// hide stops what flows.
func (h *half) hide() {
	if h == nil || !h.on {
		return
	}
	h.on = false
	_ = h.slot.Show(nil) // fails only on a closed slot, which shows nothing
	h.switched.Store(nil)
}

// fresh returns the first timestamp of a switch that was not told yet.
func (h *half) fresh() *uint32 {
	sw := h.switched.Load()
	if sw == nil || sw == h.seen {
		return nil
	}
	h.seen = sw
	return &sw.rtp
}
