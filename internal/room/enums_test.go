package room

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	for r, want := range map[Role]string{0: "", Viewer: "viewer", Speaker: "speaker", Moderator: "moderator", 4: "", 255: ""} {
		if r.String() != want {
			t.Errorf("Role(%d) = %q, want %q", r, r, want)
		}
		if got, ok := ParseRole(want); want != "" && (!ok || got != r) {
			t.Errorf("ParseRole(%q) = %d, %t", want, got, ok)
		}
	}
	for k, want := range map[Kind]string{Meeting: "meeting", Broadcast: "broadcast", Lobby: "lobby", 3: ""} {
		if k.String() != want {
			t.Errorf("Kind(%d) = %q, want %q", k, k, want)
		}
		if got, ok := ParseKind(want); want != "" && (!ok || got != k) {
			t.Errorf("ParseKind(%q) = %d, %t", want, got, ok)
		}
	}
	for k, want := range map[Topology]string{Auto: "auto", ForceP2P: "p2p", ForceSFU: "sfu", 3: ""} {
		if k.String() != want {
			t.Errorf("Topology(%d) = %q, want %q", k, k, want)
		}
		if got, ok := ParseTopology(want); want != "" && (!ok || got != k) {
			t.Errorf("ParseTopology(%q) = %d, %t", want, got, ok)
		}
	}
	for m, want := range map[Mode]string{P2P: "p2p", SFU: "sfu", 2: ""} {
		if m.String() != want {
			t.Errorf("Mode(%d) = %q, want %q", m, m, want)
		}
	}
	for _, s := range []string{"", "Viewer", "owner", "constructor", "__proto__"} {
		if r, ok := ParseRole(s); ok {
			t.Errorf("ParseRole(%q) = %v", s, r)
		}
		if k, ok := ParseKind(s); ok {
			t.Errorf("ParseKind(%q) = %v", s, k)
		}
		if k, ok := ParseTopology(s); ok {
			t.Errorf("ParseTopology(%q) = %v", s, k)
		}
	}
}

func TestSourceKind(t *testing.T) {
	for s, want := range map[Source]string{"mic": "audio", "screen-audio": "audio", "camera": "video", "screen": "video", "": "", "x": ""} {
		if got := s.Kind(); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

func TestOptionsDefaults(t *testing.T) {
	got := Options{MaxMembers: -1, Grace: -time.Second, Kind: 9, Topology: 9, Video: []string{"theora"}}.withDefaults()
	want := Options{
		Video: []string{"vp8", "vp9", "h264", "av1", "h265"}, Audio: []string{"opus", "g722", "pcmu", "pcma"},
		MaxMembers: 500, RingTimeout: 45 * time.Second, Grace: 30 * time.Second,
		ReloadGrace: 5 * time.Second, SettleTimeout: 5 * time.Second,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOptionsKept(t *testing.T) {
	in := Options{
		Kind: Meeting, Topology: ForceSFU, Video: []string{"av1", "nope", "h265", "av1"}, Audio: []string{"pcma"},
		MaxMembers: 3, RingTimeout: 1, Grace: 2, ReloadGrace: 3, SettleTimeout: 4, Open: true, Locked: true,
	}
	want := in
	want.Video = []string{"av1", "h265"}
	if d := cmp.Diff(want, in.withDefaults()); d != "" {
		t.Error(d)
	}
	for _, k := range []Kind{Lobby, Broadcast} {
		if got := (Options{Kind: k, Topology: ForceP2P}).withDefaults(); got.Topology != Auto {
			t.Errorf("a %s has topology %s", k, got.Topology)
		}
	}
}

func TestErrors(t *testing.T) {
	err := fail(CodeBusy, "why")
	if err.Error() != "busy: why" {
		t.Errorf("text %q", err)
	}
	if errors.Is(err, ErrEnded) || !errors.Is(ErrEnded, ErrEnded) {
		t.Error("errors.Is must compare by value of the pointer")
	}
	var re *Error
	if !errors.As(err, &re) || re.Code != CodeBusy {
		t.Errorf("errors.As gave %v", re)
	}
}
