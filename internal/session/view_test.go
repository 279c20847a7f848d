package session

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/sfu"
)

// one makes the feed of a source with one encoding.
func one(t *sfu.Track) feed { return feed{{track: t}} }

// feedsOf makes feeds of the codecs given.
func feedsOf(list map[room.Source]media.Codec) map[room.Source]feed {
	out := map[room.Source]feed{}
	for source, c := range list {
		out[source] = one(sfu.NewTrack(sfu.TrackConfig{Codec: c}))
	}
	return out
}

func TestPlan(t *testing.T) {
	type codecs = map[room.Source]media.Codec
	av := codecs{room.SourceMic: media.Opus, room.SourceCamera: media.VP8}
	all := codecs{room.SourceMic: media.Opus, room.SourceCamera: media.VP8, room.SourceScreen: media.VP9, room.SourceScreenAudio: media.PCMU}
	live := SeatStatus("") // a track
	for name, c := range map[string]struct {
		wish         *Wish
		stage        []string // members in the order of publishing
		tracks       codecs   // of each
		state        room.State
		role         room.Role
		decode       room.Caps
		member       string
		audio, video SeatStatus
	}{
		"no wish":          {nil, []string{"a"}, av, on, room.Speaker, room.Caps{}, "", SeatNone, SeatNone},
		"nobody publishes": {&Wish{Member: "a", Source: room.SourceCamera}, nil, nil, on, room.Speaker, room.Caps{}, "a", SeatNone, SeatNone},
		"no first yet":     {&Wish{Member: First, Source: room.SourceCamera}, nil, nil, on, room.Speaker, room.Caps{}, "", SeatNone, SeatNone},
		"somebody else":    {&Wish{Member: "b", Source: room.SourceCamera}, []string{"a"}, av, on, room.Speaker, room.Caps{}, "b", SeatNone, SeatNone},
		"live":             {&Wish{Member: "a", Source: room.SourceCamera}, []string{"b", "a"}, av, on, room.Speaker, room.Caps{}, "a", live, live},
		"first":            {&Wish{Member: First, Source: room.SourceCamera}, []string{"b", "a"}, av, on, room.Moderator, room.Caps{}, "b", live, live},
		"first but me":     {&Wish{Member: First, Source: room.SourceCamera}, []string{"me", "a"}, av, on, room.Speaker, room.Caps{}, "a", live, live},
		"me":               {&Wish{Member: "me", Source: room.SourceCamera}, []string{"me"}, av, on, room.Speaker, room.Caps{}, "me", SeatNone, SeatNone},
		"no screen":        {&Wish{Member: "a", Source: room.SourceScreen}, []string{"a"}, av, on, room.Speaker, room.Caps{}, "a", SeatNone, SeatNone},
		"first screen":     {&Wish{Member: First, Source: room.SourceScreen}, []string{"a"}, av, on, room.Speaker, room.Caps{}, "", SeatNone, SeatNone},
		"screen":           {&Wish{Member: "a", Source: room.SourceScreen}, []string{"a"}, all, room.State{Screen: true}, room.Speaker, room.Caps{}, "a", live, live},
		"screen off":       {&Wish{Member: "a", Source: room.SourceScreen}, []string{"a"}, all, room.State{Mic: true, Camera: true}, room.Speaker, room.Caps{}, "a", SeatMuted, SeatMuted},
		"mic off":          {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, room.State{Camera: true}, room.Speaker, room.Caps{}, "a", SeatMuted, live},
		"camera off":       {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, room.State{Mic: true}, room.Speaker, room.Caps{}, "a", live, SeatMuted},
		"a viewer":         {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, on, room.Viewer, room.Caps{}, "a", SeatMuted, SeatMuted},
		"only a hand":      {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, room.State{Hand: true}, room.Speaker, room.Caps{}, "a", SeatMuted, SeatMuted},
		"no such decoder":  {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, on, room.Speaker, room.Caps{Audio: []string{"pcmu"}, Video: []string{"vp9"}}, "a", SeatUndecodable, SeatUndecodable},
		"decoders":         {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, on, room.Speaker, room.Caps{Audio: []string{"opus"}, Video: []string{"vp9", "vp8"}}, "a", live, live},
		"muted first":      {&Wish{Member: "a", Source: room.SourceCamera}, []string{"a"}, av, room.State{}, room.Speaker, room.Caps{Video: []string{"vp9"}}, "a", SeatMuted, SeatMuted},
	} {
		t.Run(name, func(t *testing.T) {
			v := newView(room.Snapshot{You: room.Member{ID: "me", Role: room.Speaker, Decode: c.decode}})
			var acts []act
			for _, id := range c.stage {
				if id != "me" {
					v.apply(room.Joined{Member: room.Member{ID: id, Role: c.role, State: c.state}})
				}
				acts = append(acts, act{member: id, feeds: feedsOf(c.tracks)})
			}
			p := v.plan(c.wish, acts, hearing{})
			if p.member != c.member || p.audio.why != c.audio || p.video.why != c.video {
				t.Errorf("plan %+v", p)
			}
			for _, w := range []want{p.audio, p.video} {
				if (w.track != nil) != (w.why == live) {
					t.Errorf("half %+v", w)
				}
				if w.track != nil && !v.permits(w.track, acts) {
					t.Errorf("half %+v shows what must not be seen", w)
				}
			}
		})
	}
}

func TestViewFollowsEvents(t *testing.T) {
	v := newView(room.Snapshot{
		You:     room.Member{ID: "me", Role: room.Viewer},
		Members: []room.Member{{ID: "a", Role: room.Speaker, State: on}, {ID: "b", Role: room.Viewer, State: on}},
	})
	muted := room.Member{ID: "a", Role: room.Speaker, State: room.State{Mic: true}}
	for i, c := range []struct {
		event   room.Event
		matters bool
	}{
		{room.Updated{Member: room.Member{ID: "a", Role: room.Speaker, State: on, Name: "new"}}, false},
		{room.Updated{Member: muted}, true},
		{room.Updated{Member: room.Member{ID: "me", Role: room.Viewer, State: on}}, false},
		{room.Updated{Member: room.Member{ID: "me", Role: room.Speaker}}, true},
		{room.Joined{Member: room.Member{ID: "c", Role: room.Speaker}}, false},
		{room.Joined{Member: room.Member{ID: "d", Role: room.Speaker, State: on}}, true},
		{room.Left{Member: "c"}, false},
		{room.Left{Member: "d"}, true},
		{room.RoomChanged{Video: []string{"av1"}}, false},
		{room.Settled{}, false},
	} {
		if got := v.apply(c.event); got != c.matters {
			t.Errorf("event %d, %T: matters %v", i, c.event, got)
		}
	}
	if v.role != room.Speaker || len(v.sending) != 1 || v.video[0] != "av1" || v.open("a", "window") || !v.open("a", room.SourceMic) || v.open("a", room.SourceCamera) {
		t.Errorf("view %+v", v)
	}
}

// Whatever happens in whatever order, after a seat was filled no packet of what may not be seen leaves it, and what
// it says is live is what flows.
func TestSeatsLeakNothing(t *testing.T) {
	sources := []room.Source{room.SourceMic, room.SourceCamera}
	rapid.Check(t, func(rt *rapid.T) {
		v := newView(room.Snapshot{You: room.Member{ID: "me", Role: room.Speaker}})
		acts := make([]act, 3)
		publishers := map[*sfu.Track]*publisher{}
		fresh := func(c media.Codec) *sfu.Track {
			p := newPublisher(c)
			publishers[p.Track] = p
			return p.Track
		}
		for i := range acts {
			acts[i] = act{member: fmt.Sprint("m", i), feeds: map[room.Source]feed{
				room.SourceMic: one(fresh(media.Opus)), room.SourceCamera: one(fresh(media.VP8)),
			}}
			v.note(room.Member{ID: acts[i].member, Role: room.Speaker, State: on})
		}
		s := newSeat(0, SeatPair{"a0", "v0"})
		audio, asink := newSlot("a0", nil)
		video, vsink := newSlot("v0", nil)
		s.audio, s.video = newHalf(audio, func() {}), newHalf(video, func() {})
		var wished *Wish
		fill := func() Seat {
			now, _ := s.fill(v.plan(wished, acts, hearing{}), func(t *sfu.Track) bool { return v.permits(t, acts) })
			return now
		}
		check := func() {
			fill()
			sinks := []*sink{asink, vsink}
			for _, a := range acts {
				for i, source := range sources {
					before, _ := sinks[i].count()
					publishers[a.feeds[source].one()].send()
					if n, _ := sinks[i].count(); n != before && !v.open(a.member, source) {
						rt.Fatalf("a packet of %s, %s although it is off", a.member, source)
					}
				}
			}
			is := fill() // what was waiting has begun
			for i, status := range []SeatStatus{is.Audio, is.Video} {
				before, _ := sinks[i].count()
				for _, a := range acts {
					if a.member == is.Member {
						publishers[a.feeds[sources[i]].one()].send()
					}
				}
				if n, _ := sinks[i].count(); (n == before+1) != (status == SeatLive) {
					rt.Fatalf("%+v: %d packets of %s", is, n-before, sources[i])
				}
			}
		}
		member := rapid.SampledFrom([]string{"m0", "m1", "m2"})
		changes := map[string]func(){
			"wish": func() {
				wished = &Wish{Member: rapid.OneOf(member, rapid.SampledFrom([]string{"nobody", First})).Draw(rt, "wished"), Source: room.SourceCamera}
				wished.Paused = rapid.Bool().Draw(rt, "paused")
			},
			"nothing": func() { wished = nil },
			"state": func() {
				state := room.State{Mic: rapid.Bool().Draw(rt, "mic"), Camera: rapid.Bool().Draw(rt, "camera")}
				v.note(room.Member{ID: member.Draw(rt, "member"), Role: room.Speaker, State: state})
			},
			"switch": func() { // from somebody who goes silent at this moment
				from, to := member.Draw(rt, "from"), member.Draw(rt, "to")
				v.note(room.Member{ID: from, Role: room.Speaker})
				v.note(room.Member{ID: to, Role: room.Speaker, State: on})
				wished = &Wish{Member: to, Source: room.SourceCamera}
			},
			"role":  func() { v.note(room.Member{ID: "m0", Role: room.Viewer, State: on}) },
			"leave": func() { v.apply(room.Left{Member: "m1"}) },
			"track": func() {
				i := rapid.IntRange(0, 2).Draw(rt, "publisher")
				acts[i].feeds[room.SourceCamera].one().Close()
				acts[i].feeds = map[room.Source]feed{
					room.SourceMic: acts[i].feeds[room.SourceMic], room.SourceCamera: one(fresh(rapid.SampledFrom([]media.Codec{media.VP8, media.H264}).Draw(rt, "codec"))),
				}
			},
		}
		kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"wish", "nothing", "state", "switch", "switch", "role", "leave", "track"}), 1, 4)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			for _, kind := range kinds.Draw(rt, "changes") {
				changes[kind]()
			}
			check()
		}
	})
}
