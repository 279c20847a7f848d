package session

import (
	"slices"

	"veche.example/internal/room"
	"veche.example/internal/session/allot"
	"veche.example/internal/sfu"
)

// view is the room as one member was told of it, as far as media are concerned: the snapshot of its join and the
// events since. What it forwards to the member follows from nothing else, so that a mute by a moderator
// and the end of a membership work without the publisher.
type view struct {
	self         room.MemberID
	role         room.Role // the member's own
	kind         room.Kind
	direct       bool // media never go through the server here
	audio, video []string
	decode       room.Caps
	sending      map[room.MemberID]room.State // of the others; who sends nothing is not in it
}

func newView(s room.Snapshot) view {
	v := view{
		self: s.You.ID, role: s.You.Role, kind: s.Kind,
		direct: s.Kind == room.Lobby || s.Forced && s.Mode == room.P2P,
		audio:  s.Audio, video: s.Video, decode: s.You.Decode,
		sending: map[room.MemberID]room.State{},
	}
	for _, m := range s.Members {
		v.note(m)
	}
	return v
}

// apply takes an event and tells whether it matters.
func (v *view) apply(e room.Event) bool {
	switch e := e.(type) {
	case room.Joined:
		return v.note(e.Member)
	case room.Updated:
		if e.Member.ID != v.self {
			return v.note(e.Member)
		}
		was := v.role
		v.role = e.Member.Role
		return v.role != was
	case room.Left:
		_, was := v.sending[e.Member]
		delete(v.sending, e.Member)
		return was
	case room.RoomChanged:
		v.audio, v.video = e.Audio, e.Video
	}
	return false
}

// note remembers what a member sends.
func (v *view) note(m room.Member) bool {
	s := m.State
	s.Hand = false
	if m.Role < room.Speaker {
		s = room.State{}
	}
	was := v.sending[m.ID]
	if s == (room.State{}) {
		delete(v.sending, m.ID)
	} else {
		v.sending[m.ID] = s
	}
	return was != s
}

// open says whether a member's source may be forwarded.
func (v *view) open(member room.MemberID, source room.Source) bool {
	s := v.sending[member]
	switch source {
	case room.SourceMic:
		return s.Mic
	case room.SourceCamera:
		return s.Camera
	case room.SourceScreen, room.SourceScreenAudio:
		return s.Screen
	}
	return false
}

// permits says whether a track may be forwarded at all.
func (v *view) permits(t *sfu.Track, acts []act) bool {
	for _, a := range acts {
		for source, f := range a.feeds {
			if f.place(t) >= 0 {
				return v.open(a.member, source)
			}
		}
	}
	return false
}

// plan is what a seat shall show.
type plan struct {
	member       room.MemberID
	source       room.Source
	audio, video want
	codec        string    // of the video
	why          allot.Why // why the video is not the best there is
}

// want is what half a seat shall show: a track of the feed, or the reason why there is none.
type want struct {
	feed  feed // nil = nothing
	track *sfu.Track
	level sfu.Level
	why   SeatStatus
	pause bool
}

// pair is the two sources of a seat that shows the source given.
func pair(s room.Source) (audio, video room.Source) {
	if s == room.SourceScreen {
		return room.SourceScreenAudio, room.SourceScreen
	}
	return room.SourceMic, room.SourceCamera
}

// plan says what a seat shall show by a wish, nil = by none.
func (v *view) plan(w *Wish, acts []act, h hearing) plan {
	p := plan{source: room.SourceCamera, audio: want{why: SeatNone}, video: want{why: SeatNone}}
	if w == nil {
		return p
	}
	audio, video := pair(w.Source)
	p.source = video
	if w.Member != First {
		p.member = w.Member
	}
	for _, a := range acts {
		if w.Member == First {
			if a.member == v.self || a.feeds[audio] == nil && a.feeds[video] == nil {
				continue
			}
			p.member = a.member
		} else if a.member != w.Member || a.member == v.self {
			continue
		}
		p.audio = v.want(a, audio, v.decode.Audio)
		if p.audio.track != nil && audio == room.SourceMic && !h.sent(a.member) {
			p.audio = want{why: SeatLive} // there is nothing to be heard
		}
		p.video = v.want(a, video, v.decode.Video)
		p.video.pause = w.Paused
		if t := a.feeds[video].one(); t != nil {
			p.codec = t.Codec().Name()
		}
		break
	}
	return p
}

// want judges one source; an empty list of codecs was not told and hinders nobody.
func (v *view) want(a act, source room.Source, decode []string) want {
	f := a.feeds[source]
	t := f.one()
	switch {
	case t == nil:
		return want{why: SeatNone}
	case !v.open(a.member, source):
		return want{why: SeatMuted}
	case len(decode) > 0 && !slices.Contains(decode, t.Codec().Name()):
		return want{why: SeatUndecodable}
	}
	return want{feed: f, track: t, level: sfu.Top}
}
