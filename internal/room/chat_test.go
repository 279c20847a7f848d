package room

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func texts(s Snapshot) (out []string) {
	for _, m := range s.Chat {
		out = append(out, m.Text)
	}
	return out
}

func TestChat(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b", "c")
	e := h.expect("a", Chat{Text: "hello"}, "b: chat a> hello", "c: chat a> hello")
	want := &ChatMessage{ID: "id-1", From: "a", Name: "A", Text: "hello", At: h.now}
	if d := cmp.Diff(want, e.Reply.Chat); d != "" {
		t.Error(d)
	}
	h.expect("b", Chat{Text: "psst", To: "c"}, "c: chat b>c psst")
	for id, want := range map[MemberID][]string{
		"a": {"hello"}, "b": {"hello", "psst"}, "c": {"hello", "psst"}, "": {"hello"}, "stranger": {"hello"},
	} {
		if d := cmp.Diff(want, texts(h.r.Snapshot(id))); d != "" {
			t.Errorf("history of %q:\n%s", id, d)
		}
	}
	h.do("c", Leave{})
	h.web("d")
	if d := cmp.Diff([]string{"hello"}, texts(h.r.Snapshot("d"))); d != "" {
		t.Errorf("a newcomer reads:\n%s", d)
	}
	h.do("c", Join{ID: "c", Restored: true, Role: Speaker})
	if d := cmp.Diff([]string{"hello", "psst"}, texts(h.r.Snapshot("c"))); d != "" {
		t.Errorf("somebody restored reads:\n%s", d)
	}
}

func TestChatRefused(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	long := strings.Repeat("ж", MaxText)
	h.do("a", Chat{Text: long})
	for _, tt := range []struct {
		c    Chat
		want Code
	}{
		{Chat{Text: long + "ж"}, CodeBadMessage},
		{Chat{}, CodeBadMessage},
		{Chat{Text: "\xc3"}, CodeBadMessage},
		{Chat{Text: "x", To: "a"}, CodeBadMessage},
		{Chat{Text: "x", To: "nobody"}, CodeNoMember},
		{Chat{Text: "x", File: &File{}}, CodeBadMessage},
		{Chat{File: &File{Name: "\xff"}}, CodeBadMessage},
		{Chat{File: &File{Name: strings.Repeat("n", 256)}}, CodeBadMessage},
		{Chat{File: &File{Name: "n", MIME: strings.Repeat("n", 128)}}, CodeBadMessage},
		{Chat{File: &File{Name: "n", MIME: "\xff"}}, CodeBadMessage},
		{Chat{File: &File{Name: "n", Size: -1}}, CodeBadMessage},
		{Chat{File: &File{Name: "n", ID: strings.Repeat("i", 63)}}, CodeBadMessage},
	} {
		h.refuse("a", tt.c, tt.want)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	for i := range MaxHistory + 50 {
		h.do("a", Chat{Text: fmt.Sprint(i)})
	}
	got := texts(h.r.Snapshot("b"))
	if len(got) != MaxHistory || got[0] != "50" || got[MaxHistory-1] != "149" {
		t.Errorf("%d messages, %s … %s", len(got), got[0], got[len(got)-1])
	}
}

func TestFileIDs(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	e := h.do("a", Chat{File: &File{Name: "photo", Size: 7, MIME: "image/png"}})
	if d := cmp.Diff(&File{ID: "id-1", Name: "photo", Size: 7, MIME: "image/png"}, e.Reply.Chat.File); d != "" {
		t.Error(d)
	}
	h.do("a", Chat{File: &File{ID: "mine", Name: "n"}})
	h.refuse("b", Chat{File: &File{ID: "mine", Name: "n"}}, CodeBadMessage) // no posing as a's file
	h.refuse("a", Chat{File: &File{ID: "mine", Name: "n"}}, CodeBadMessage)
	h.do("a", Leave{})
	h.do("b", Chat{File: &File{ID: "mine", Name: "n"}})
}

func TestSignal(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.expect("a", Signal{"b", "m:1", []byte("x")}, "b: signal a m:1 x")
	h.expect("b", Signal{"a", "m:1", nil}, "a: signal b m:1 ")
	for _, tt := range []struct {
		s    Signal
		want Code
	}{
		{Signal{"nobody", "m:1", nil}, CodeNoMember},
		{Signal{"", "m:1", nil}, CodeNoMember},
		{Signal{"a", "m:1", nil}, CodeBadMessage},
		{Signal{"b", "", nil}, CodeBadMessage},
		{Signal{"b", "x:1", nil}, CodeBadMessage},
		{Signal{"b", "m:" + strings.Repeat("1", MaxLink), nil}, CodeBadMessage},
		{Signal{"b", "c:", nil}, CodeNoCall},
		{Signal{"b", "f:", nil}, CodeNotAllowed},
	} {
		h.refuse("a", tt.s, tt.want)
	}
}

// Room links exist only while the browsers carry the media of a meeting: nobody learns another's
// addresses through a room that goes through the server.
func TestRoomLinks(t *testing.T) {
	link := Signal{To: "b", Link: "m:1"}
	h := build(t, Options{Open: true})
	h.web("a", "b", "c")
	h.do("a", link) // the old path, until settled
	for _, id := range []MemberID{"a", "b", "c"} {
		h.do(id, Ready{2})
	}
	h.refuse("a", link, CodeNotAllowed)
	h.do("c", Leave{})
	h.do("a", link)

	for _, o := range []Options{{Topology: ForceSFU}, {Kind: Broadcast}, {Kind: Lobby}} {
		h := build(t, o)
		h.grant("a", Moderator)
		h.grant("b", Speaker)
		h.refuse("a", link, CodeNotAllowed)
	}
}

func TestCallLinks(t *testing.T) {
	h := lobby(t, "a", "b", "c", "d")
	id := h.ring("a", "b")
	link := func(to MemberID) Signal { return Signal{To: to, Link: "c:" + id, Data: []byte("x")} }
	h.refuse("a", link("b"), CodeNoCall) // nothing flows before the callee agrees
	h.do("b", Accept{id})
	h.expect("a", link("b"), "b: signal a c:"+id+" x")
	h.expect("b", link("a"), "a: signal b c:"+id+" x")
	h.refuse("a", link("c"), CodeNoCall)
	h.refuse("c", link("a"), CodeNoCall)
	h.refuse("c", link("d"), CodeNoCall)
	h.talk("c", "d")
	h.refuse("c", link("d"), CodeNoCall) // another's call id
	h.do("a", HangUp{id})
	h.refuse("b", link("a"), CodeNoCall)
}

func TestFileLinks(t *testing.T) {
	for _, kind := range []Kind{Meeting, Broadcast, Lobby} {
		h := build(t, Options{Kind: kind})
		h.grant("a", Moderator)
		h.grant("b", Speaker)
		h.grant("v", Viewer)
		h.grant("u", Viewer)
		h.do("v", Chat{File: &File{ID: "all", Name: "n"}})
		h.do("v", Chat{File: &File{ID: "for-a", Name: "n"}, To: "a"})
		h.expect("u", Signal{"v", "f:all", nil}, "v: signal u f:all ")
		h.expect("v", Signal{"u", "f:all", nil}, "u: signal v f:all ")
		h.expect("a", Signal{"v", "f:for-a", nil}, "v: signal a f:for-a ")
		h.refuse("u", Signal{"v", "f:for-a", nil}, CodeNotAllowed)
		h.refuse("v", Signal{"u", "f:for-a", nil}, CodeNotAllowed)
		h.refuse("u", Signal{"b", "f:all", nil}, CodeNotAllowed) // not b's file
		h.refuse("u", Signal{"v", "f:none", nil}, CodeNotAllowed)
		h.do("v", Leave{})
		h.refuse("u", Signal{"v", "f:all", nil}, CodeNoMember)
	}
}

func TestOffersAreBounded(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	for i := range MaxFiles + 1 {
		h.do("a", Chat{File: &File{ID: fmt.Sprint(i), Name: "n"}})
	}
	h.refuse("b", Signal{To: "a", Link: "f:0"}, CodeNotAllowed)
	h.do("b", Signal{To: "a", Link: "f:1"})
	h.do("b", Signal{To: "a", Link: fmt.Sprint("f:", MaxFiles)})
}
