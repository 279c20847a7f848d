package room

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRolesByJoining(t *testing.T) {
	open, closed := Options{Open: true}, Options{}
	cast, lobby := Options{Open: true, Kind: Broadcast}, Options{Open: true, Kind: Lobby}
	whip, whep, bot := Join{Agent: AgentWHIP}, Join{Agent: AgentWHEP}, Join{Agent: AgentBot}
	watch := Join{Viewer: true}
	tests := []struct {
		name  string
		o     Options
		joins []Join // ids a, b, c … are given
		want  string
	}{
		{"meeting: the first is moderator", open, []Join{{}, {}, {}}, "a:moderator b:speaker c:speaker"},
		{"meeting: a viewer by wish", open, []Join{watch, {}, watch}, "a:viewer b:moderator c:viewer"},
		{"meeting: an encoder is no first", open, []Join{whip, whep, {}, {}}, "a:speaker b:viewer c:moderator d:speaker"},
		{"meeting: a bot can be the first", open, []Join{bot, {}}, "a:moderator b:speaker"},
		{"broadcast: the first host", cast, []Join{{}, {}, {}}, "a:moderator b:viewer c:viewer"},
		{"broadcast: watchers come early", cast, []Join{watch, watch, {}, {}}, "a:viewer b:viewer c:moderator d:viewer"},
		{"broadcast: encoders speak", cast, []Join{whip, {}, whip, whep}, "a:speaker b:moderator c:speaker d:viewer"},
		{"lobby: no moderators", lobby, []Join{{}, {}, watch}, "a:speaker b:speaker c:viewer"},
		{"grants", closed, []Join{
			{Granted: true, Role: Speaker}, {Granted: true, Role: Moderator}, {Granted: true, Role: Viewer},
		}, "a:speaker b:moderator c:viewer"},
		{"grants: lowered by wish", closed, []Join{{Granted: true, Role: Moderator, Viewer: true}}, "a:viewer"},
		{"grants: no more than the agent can", closed, []Join{
			{Granted: true, Role: Moderator, Agent: AgentWHIP}, {Granted: true, Role: Moderator, Agent: AgentWHEP},
			{Granted: true, Role: Viewer, Agent: AgentWHIP},
		}, "a:speaker b:viewer c:viewer"},
		{"grants in an open room", open, []Join{{Granted: true, Role: Speaker}, {}}, "a:speaker b:speaker"},
		{"grants in a lobby", lobby, []Join{{Granted: true, Role: Moderator}, {}}, "a:moderator b:speaker"},
		{"a role without a grant counts nothing", open, []Join{{}, {Role: Moderator}}, "a:moderator b:speaker"},
		{"restored", closed, []Join{{Restored: true, Role: Speaker}, {Restored: true, Role: Moderator}}, "a:speaker b:moderator"},
		{"restored, lowered by wish", closed, []Join{{Restored: true, Role: Moderator, Viewer: true}}, "a:viewer"},
		{"restored first, open", open, []Join{{Restored: true, Role: Speaker}, {}}, "a:speaker b:speaker"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t, tt.o)
			for i, j := range tt.joins {
				j.ID = string(rune('a' + i))
				h.do(j.ID, j)
			}
			if got := h.roles(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestJoinRefused(t *testing.T) {
	long := strings.Repeat("ж", MaxName)
	full := Options{Open: true, MaxMembers: 1}
	locked := Options{Open: true, Locked: true}
	tests := []struct {
		name string
		o    Options
		j    Join
		want Code // "" = admitted
	}{
		{"no id", Options{Open: true}, Join{}, CodeBadMessage},
		{"long id", Options{Open: true}, Join{ID: strings.Repeat("x", 65)}, CodeBadMessage},
		{"unknown agent", Options{Open: true}, Join{ID: "a", Agent: "fax"}, CodeBadMessage},
		{"name of 64", Options{Open: true}, Join{ID: "a", Name: long}, ""},
		{"name of 65", Options{Open: true}, Join{ID: "a", Name: long + "ж"}, CodeBadMessage},
		{"name not UTF-8", Options{Open: true}, Join{ID: "a", Name: "\xff"}, CodeBadMessage},
		{"a name may look like anything", Options{Open: true}, Join{ID: "__proto__", Name: "<script>"}, ""},
		{"grant without a role", Options{}, Join{ID: "a", Granted: true}, CodeBadMessage},
		{"grant with an unknown role", Options{}, Join{ID: "a", Granted: true, Role: 9}, CodeBadMessage},
		{"restored without a role", Options{}, Join{ID: "a", Restored: true}, CodeBadMessage},
		{"no token", Options{}, Join{ID: "a", Role: Moderator}, CodeToken},
		{"no token, asks little", Options{}, Join{ID: "a", Viewer: true}, CodeToken},
		{"full", full, Join{ID: "a"}, CodeFull},
		{"full for a moderator", full, Join{ID: "a", Granted: true, Role: Moderator}, CodeFull},
		{"locked", locked, Join{ID: "a"}, CodeLocked},
		{"locked for a speaker's token", locked, Join{ID: "a", Granted: true, Role: Speaker}, CodeLocked},
		{"locked, not for a moderator's token", locked, Join{ID: "a", Granted: true, Role: Moderator}, ""},
		{"locked, a moderator's token that asks to watch", locked, Join{ID: "a", Granted: true, Role: Moderator, Viewer: true}, CodeLocked},
		{"locked, not for the restored", locked, Join{ID: "a", Restored: true, Role: Viewer}, ""},
		{"an encoder in a lobby", Options{Open: true, Kind: Lobby}, Join{ID: "a", Agent: AgentWHIP}, CodeNotAllowed},
		{"a player in a lobby", Options{Open: true, Kind: Lobby}, Join{ID: "a", Agent: AgentWHEP}, CodeNotAllowed},
		{"an encoder without the server", Options{Open: true, Topology: ForceP2P}, Join{ID: "a", Agent: AgentWHIP}, CodeNotAllowed},
		{"an encoder in a broadcast", Options{Open: true, Kind: Broadcast}, Join{ID: "a", Agent: AgentWHIP}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t, tt.o)
			if tt.o.MaxMembers == 1 || tt.o.Locked {
				h.do("z", Join{ID: "z", Granted: true, Role: Moderator})
			}
			if tt.want == "" {
				h.do(tt.j.ID, tt.j)
				return
			}
			h.refuse(tt.j.ID, tt.j, tt.want)
		})
	}
}

func TestJoinTwice(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a")
	if err := h.refuse("a", Join{ID: "a"}, CodeNotAllowed); !errors.Is(err, ErrPresent) {
		t.Errorf("error %v, want ErrPresent", err)
	}
	h.do("a", Detach{})
	h.refuse("a", Join{ID: "a", Restored: true, Role: Moderator}, CodeNotAllowed)

	// The same person twice is two members.
	h.do("b", Join{ID: "b", Name: "A"})
	if h.r.Len() != 2 {
		t.Errorf("%d members", h.r.Len())
	}
}

func TestJoinTellsTheOthersOnly(t *testing.T) {
	h := build(t, Options{Open: true})
	h.expect("a", Join{ID: "a", State: State{Mic: true}})
	h.expect("b", Join{ID: "b", State: State{Camera: true, Hand: true}}, "a: joined b speaker camera hand")
	h.expect("c", Join{ID: "c", Viewer: true, State: State{Mic: true, Camera: true, Screen: true, Hand: true}},
		"a: joined c viewer hand", "b: joined c viewer hand", "a: topology sfu 2", "b: topology sfu 2")
}

func TestCapsAreCleaned(t *testing.T) {
	h := build(t, Options{Open: true})
	h.do("a", Join{ID: "a", Decode: Caps{Audio: []string{"opus", "mp3", "opus"}, Video: []string{"vp8", "opus", "h264"}}})
	got := h.r.Snapshot("a").You.Decode
	if d := cmp.Diff(Caps{Audio: []string{"opus"}, Video: []string{"vp8", "h264"}}, got); d != "" {
		t.Error(d)
	}
}

// The resume token of somebody who has left is good, unless the room knows better.
func TestRestoredMembersAreRemembered(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b", "c")
	token := Join{ID: "b", Restored: true, Role: Speaker}

	h.do("a", Lock{true})
	h.do("b", Leave{})
	h.do("b", token)
	if got := h.role("b"); got != Speaker {
		t.Errorf("role %s", got)
	}

	h.do("a", SetRole{"b", Viewer})
	h.do("b", Leave{})
	h.do("b", token)
	if got := h.role("b"); got != Viewer {
		t.Errorf("an old token undid a moderator's decision: role %s", got)
	}

	h.do("a", SetRole{"b", Moderator})
	h.do("b", Leave{})
	h.do("b", token)
	if got := h.role("b"); got != Moderator {
		t.Errorf("role %s, was moderator", got)
	}

	h.do("a", Remove{"b"})
	h.refuse("b", token, CodeToken)
	h.refuse("b", Join{ID: "b", Granted: true, Role: Moderator}, CodeToken)
}

func TestMemoryOfTheDepartedIsBounded(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "x")
	h.do("a", Remove{"x"})
	for i := range maxFormer {
		id := fmt.Sprint("m", i)
		h.do(id, Join{ID: id})
		h.do(id, Leave{})
	}
	if n := len(h.r.former.order); n != maxFormer || n != len(h.r.former.roles) {
		t.Errorf("%d remembered in order, %d by id", n, len(h.r.former.roles))
	}
	if h.r.former.removed("x") {
		t.Error("the oldest is still remembered")
	}
	h.do("m7", Join{ID: "m7", Restored: true, Role: Speaker})
	if _, ok := h.r.former.roles["m7"]; ok || len(h.r.former.order) != maxFormer-1 {
		t.Error("somebody present counts as departed")
	}
}

func TestSuccession(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		run  func(h *house)
		want string
	}{
		{"the oldest who speaks", Options{Open: true}, func(h *house) {
			h.web("a", "b", "c")
			h.expect("a", Leave{}, "b: left a left", "c: left a left", "a: removed left",
				"b: updated b moderator", "c: updated b moderator", "b: topology p2p 3", "c: topology p2p 3")
		}, "b:moderator c:speaker"},
		{"not while there is another", Options{Open: true}, func(h *house) {
			h.web("a", "b", "c")
			h.do("a", SetRole{"c", Moderator})
			h.do("a", Leave{})
		}, "b:speaker c:moderator"},
		{"not a viewer, a bot or an encoder", Options{Open: true}, func(h *house) {
			h.web("a")
			h.do("v", Join{ID: "v", Viewer: true})
			h.do("w", Join{ID: "w", Agent: AgentWHIP})
			h.do("t", Join{ID: "t", Agent: AgentBot})
			h.do("a", Leave{})
		}, "v:viewer w:speaker t:speaker"},
		{"somebody here before somebody away", Options{Open: true}, func(h *house) {
			h.web("a", "b", "c")
			h.do("b", Detach{})
			h.do("a", Leave{})
		}, "b:speaker c:moderator"},
		{"somebody away before nobody", Options{Open: true}, func(h *house) {
			h.web("a", "b")
			h.do("b", Detach{})
			h.do("a", Leave{})
		}, "b:moderator"},
		{"also when the grace runs out", Options{Open: true}, func(h *house) {
			h.web("a", "b")
			h.do("a", Detach{})
			h.pass(30 * time.Second)
		}, "b:moderator"},
		{"also when another moderator removes the last but one", Options{Open: true}, func(h *house) {
			h.web("a", "b", "c")
			h.do("a", SetRole{"b", Moderator})
			h.do("b", Remove{"a"})
			h.do("b", Leave{})
		}, "c:moderator"},
		{"then the newcomer when nobody spoke", Options{Open: true}, func(h *house) {
			h.web("a")
			h.do("v", Join{ID: "v", Viewer: true})
			h.do("a", Leave{})
			h.web("b", "c")
		}, "v:viewer b:moderator c:speaker"},
		{"not with grants", Options{}, func(h *house) {
			h.grant("a", Moderator)
			h.grant("b", Speaker)
			h.do("a", Leave{})
		}, "b:speaker"},
		{"not in a broadcast, whose next host takes over", Options{Open: true, Kind: Broadcast}, func(h *house) {
			h.web("a", "b")
			h.do("w", Join{ID: "w", Agent: AgentWHIP})
			h.do("a", Leave{})
			h.web("c", "d")
		}, "b:viewer w:speaker c:moderator d:viewer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t, tt.o)
			tt.run(h)
			if got := h.roles(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// After a server restart everybody comes back with a token. If the moderator does not, somebody
// else takes over, but only after the grace.
func TestRestoredWithoutModerator(t *testing.T) {
	restore := func(h *house, id MemberID, r Role) { h.do(id, Join{ID: id, Restored: true, Role: r}) }

	h := build(t, Options{Open: true})
	restore(h, "a", Speaker)
	h.pass(20 * time.Second)
	restore(h, "b", Speaker)
	h.expectPass(10*time.Second-1, []string(nil)...)
	h.expectPass(1, "a: updated a moderator", "b: updated a moderator")

	h = build(t, Options{Open: true})
	restore(h, "a", Speaker)
	restore(h, "b", Moderator)
	h.expectPass(time.Minute, []string(nil)...)
	if got := h.roles(); got != "a:speaker b:moderator" {
		t.Error(got)
	}

	h = build(t, Options{Open: true})
	restore(h, "a", Speaker)
	restore(h, "b", Speaker)
	h.expect("a", Leave{}, "b: left a left", "a: removed left") // who leaves was no moderator

	h = build(t, Options{})
	restore(h, "a", Speaker)
	if len(h.timers) != 0 {
		t.Errorf("a room with grants waits for %v", h.timers)
	}
}
