package room

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDetachAndAttach(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.expect("b", Detach{}, "a: updated b speaker away")
	h.expect("b", Detach{Reload: true}) // the first one counts
	h.expectPass(30*time.Second-1, []string(nil)...)
	h.expect("b", Attach{}, "a: updated b speaker")
	h.expect("b", Attach{}) // a second socket takes over the first
	h.expectPass(time.Hour, []string(nil)...)

	h.expect("b", Detach{Reload: true}, "a: updated b speaker away")
	h.expectPass(5*time.Second-1, []string(nil)...)
	h.expectPass(1, "a: left b gone", "b: removed gone")
	if h.r.Len() != 1 || len(h.timers) != 0 {
		t.Errorf("%d members, timers %v", h.r.Len(), h.timers)
	}
	h.refuse("b", Attach{}, CodeNotAllowed)
}

// Somebody without a socket stays a member: it is told everything and others see it.
func TestTheDetachedHearEverything(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.do("b", Detach{})
	h.expect("a", Chat{Text: "hi"}, "b: chat a> hi")
	h.expect("a", Ring{To: "b"}, "b: call a>b ringing")
	h.expect("c", Join{ID: "c"}, "a: joined c speaker", "b: joined c speaker", "a: topology sfu 2", "b: topology sfu 2")
	if m := h.r.Snapshot("a").Members[0]; m.ID != "b" || m.Connected {
		t.Errorf("a sees %+v", m)
	}
	h.refuse("b", Chat{Text: "hi"}, CodeNotAllowed)
	h.do("b", Leave{})
}

func TestLeave(t *testing.T) {
	for in, want := range map[Reason]string{
		"": "left", ReasonLeft: "left", ReasonSlow: "slow", ReasonGone: "gone",
		ReasonRemoved: "left", ReasonEnded: "left", "made up": "left",
	} {
		h := build(t, Options{Open: true})
		h.web("a", "b")
		h.expect("b", Leave{in}, "a: left b "+want, "b: removed "+want)
		h.refuse("b", Leave{in}, CodeNotAllowed)
	}
}

func TestTheLastToLeaveClosesTheRoom(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.do("b", Detach{})
	if e := h.do("a", Leave{}); e.Closed {
		t.Fatal("closed with somebody in its grace")
	}
	h.now = h.now.Add(30 * time.Second)
	e := h.do("", Expire{"grace:b"})
	h.same(e, "b: removed gone")
	if !e.Closed {
		t.Fatal("not closed")
	}
	for _, c := range []Command{Join{ID: "c"}, Leave{}, Expire{"settle"}, End{}, nil} {
		if _, err := h.apply("c", c); !errors.Is(err, ErrEnded) {
			t.Errorf("%T: %v", c, err)
		}
	}
}

func TestEnd(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b", "c")
	h.talk("a", "b")
	h.do("c", Detach{})
	h.refuse("b", End{}, CodeNotAllowed)
	e := h.expect("a", End{}, "a: removed ended a", "b: removed ended a", "c: removed ended a")
	if !e.Closed || h.r.Len() != 0 || len(h.timers) != 0 {
		t.Errorf("closed %t, %d members, timers %v", e.Closed, h.r.Len(), h.timers)
	}

	h = build(t, Options{Open: true})
	h.web("a")
	h.expect("", End{}, "a: removed ended")
}

func TestStaleTimersChangeNothing(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	call := h.ring("a", "b")
	h.do("b", Detach{})
	for _, key := range []string{"", "settle", "elect", "grace:", "grace:a", "grace:b", "grace:nobody",
		"ring:", "ring:" + call, "ring:nothing", "constructor"} {
		h.expect("", Expire{key}) // nothing is due yet
	}
	for range 3 { // restarted: the earlier firing is too early
		h.do("b", Attach{})
		h.pass(time.Second)
		h.do("b", Detach{})
	}
	h.now = h.now.Add(29 * time.Second)
	h.expect("", Expire{"grace:b"})
	h.refuse("a", Expire{"grace:b"}, CodeNotAllowed)
	h.refuse("a", Expire{"ring:" + call}, CodeNotAllowed)
}

func TestCommandsByNobody(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	for _, c := range everyCommand("none") {
		switch c.(type) {
		case End, Expire:
			continue
		}
		h.refuse("", c, CodeNotAllowed)
		h.refuse("stranger", c, CodeNotAllowed)
	}
	h.refuse("a", nil, CodeBadMessage)
}

func TestSetState(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.do("v", Join{ID: "v", Viewer: true})
	h.expect("a", SetState{Mic: yes(), Camera: yes()},
		"b: updated a moderator mic camera", "v: updated a moderator mic camera")
	h.expect("a", SetState{Mic: yes()}) // nothing new
	h.expect("a", SetState{})
	h.expect("a", SetState{Mic: no(), Screen: yes(), Hand: yes()},
		"b: updated a moderator camera screen hand", "v: updated a moderator camera screen hand")
	h.expect("v", SetState{Mic: yes(), Camera: yes(), Screen: yes()})
	h.expect("v", SetState{Mic: yes(), Hand: yes()}, "a: updated v viewer hand", "b: updated v viewer hand")
}

func TestPublish(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.do("v", Join{ID: "v", Viewer: true})
	h.do("v", Leave{})
	h.expect("b", Publish{[]Track{{SourceMic, "audio", "opus"}, {Source: SourceCamera, Codec: "vp8"}}},
		"a: updated b speaker [mic audio opus] [camera video vp8]")
	h.expect("b", Publish{[]Track{{SourceCamera, "video", "vp9"}}},
		"a: updated b speaker [mic audio opus] [camera video vp9]")
	h.expect("b", Publish{[]Track{{SourceCamera, "video", "vp9"}}})
	h.expect("b", Publish{})
	h.expect("b", Unpublish{[]Source{SourceScreen}})
	h.expect("b", Unpublish{[]Source{SourceMic}}, "a: updated b speaker [camera video vp9]")
	h.do("b", Publish{[]Track{{Source: SourceScreen}, {Source: SourceScreenAudio, Codec: "pcma"}}})
	h.do("b", Detach{})
	h.expect("b", Unpublish{}, "a: updated b speaker away")
	h.expect("b", Unpublish{})
	for _, bad := range []Track{
		{}, {Source: "nose"}, {SourceMic, "video", ""}, {SourceCamera, "audio", ""},
		{SourceMic, "audio", "vp8"}, {SourceCamera, "video", "opus"}, {SourceCamera, "", "theora"},
	} {
		h.refuse("b", Publish{[]Track{{Source: SourceMic}, bad}}, CodeBadMessage)
	}
}

// frozen is views as text, which shares nothing with the room.
func frozen(t *testing.T, r *Room) string {
	t.Helper()
	text, err := json.MarshalIndent(views(r), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What leaves the room is a copy: neither the receiver of an event or snapshot nor the sender of
// a command can change the room, or each other's view, afterwards.
func TestNothingIsShared(t *testing.T) {
	h := build(t, Options{Open: true, Video: []string{"vp8"}})
	caps := Caps{Audio: []string{"opus"}, Video: []string{"vp8"}}
	j := h.do("a", Join{ID: "a", Decode: caps, Encode: caps})
	h.web("b")
	tracks := []Track{{Source: SourceMic, Codec: "opus"}}
	p := h.do("a", Publish{tracks})
	file := &File{Name: "f"}
	c := h.do("a", Chat{Text: "t", File: file})
	data := []byte("data")
	s := h.do("a", Signal{To: "b", Link: "m:1", Data: data})
	l := h.do("a", Lock{true})
	want := frozen(t, h.r)

	caps.Audio[0], caps.Video[0], tracks[0].Codec, file.Name, data[0] = "x", "x", "x", "x", 'x'
	if got := string(s.Deliver[0].Event.(Signalled).Data); got != "data" {
		t.Errorf("signal payload became %q", got)
	}
	for _, e := range []Effects{j, p, c, l} {
		if e.Reply.Chat != nil {
			e.Reply.Chat.File.Name = "x"
		}
		for _, d := range e.Deliver {
			switch e := d.Event.(type) {
			case Updated:
				e.Member.Tracks[0].Codec, e.Member.Decode.Audio[0] = "x", "x"
			case ChatPosted:
				e.Chat.File.Size = 9
			case RoomChanged:
				e.Video[0], e.Audio[0] = "x", "x"
			}
		}
	}
	scribble := views(h.r)
	for _, v := range scribble {
		v.Video[0], v.Audio[0], v.Members[0].ID, v.Chat[0].File.Name = "x", "x", "x", "x"
		if len(v.You.Tracks) > 0 {
			v.You.Tracks[0].Codec, v.You.Encode.Video[0] = "x", "x"
		}
	}
	if d := cmp.Diff(want, frozen(t, h.r)); d != "" {
		t.Error(d)
	}
}

func TestSnapshotOfAnEmptyRoom(t *testing.T) {
	got := New("room", Options{Kind: Broadcast}).Snapshot("")
	want := Snapshot{
		ID: "room", Kind: Broadcast, Mode: SFU, Forced: true, Epoch: 1, Publish: Advice{"vp8"}, Members: []Member{},
		Video: []string{"vp8", "vp9", "h264", "av1", "h265"}, Audio: []string{"opus", "g722", "pcmu", "pcma"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
