package room

import (
	"testing"
	"time"
)

// mode checks what a snapshot says of the topology.
func (h *house) mode(want Mode, epoch int, settling bool) {
	h.t.Helper()
	s := h.r.Snapshot("")
	if s.Mode != want || s.Epoch != epoch || s.Settling != settling {
		h.t.Errorf("mode %s epoch %d settling %t, want %s %d %t", s.Mode, s.Epoch, s.Settling, want, epoch, settling)
	}
}

func TestModes(t *testing.T) {
	viewer, whip, bot := Join{Viewer: true}, Join{Agent: AgentWHIP}, Join{Agent: AgentBot}
	tests := []struct {
		name   string
		o      Options
		joins  []Join
		mode   Mode
		epoch  int
		forced bool
	}{
		{"one", Options{}, []Join{{}}, P2P, 1, false},
		{"two", Options{}, []Join{{}, {}}, P2P, 1, false},
		{"three", Options{}, []Join{{}, {}, {}}, SFU, 2, false},
		{"four", Options{}, []Join{{}, {}, {}, {}}, SFU, 2, false},
		{"with an encoder", Options{}, []Join{{}, whip}, SFU, 2, false},
		{"with a bot", Options{}, []Join{bot, {}}, SFU, 1, false},
		{"with a viewer, who may not signal media", Options{}, []Join{{}, viewer}, SFU, 2, false},
		{"an encoder alone", Options{}, []Join{whip}, SFU, 1, false},
		{"forced to the server", Options{Topology: ForceSFU}, []Join{{}}, SFU, 1, true},
		{"forced to the browsers", Options{Topology: ForceP2P}, []Join{{}, {}, {}}, P2P, 1, true},
		{"broadcast", Options{Kind: Broadcast, Topology: ForceP2P}, []Join{{}, {}}, SFU, 1, true},
		{"lobby", Options{Kind: Lobby, Topology: ForceSFU}, []Join{{}, {}, {}}, P2P, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Open = true
			h := build(t, tt.o)
			for i, j := range tt.joins {
				j.ID = string(rune('a' + i))
				h.do(j.ID, j)
			}
			h.mode(tt.mode, tt.epoch, tt.epoch > 1)
			if got := h.r.Snapshot("").Forced; got != tt.forced {
				t.Errorf("forced %t", got)
			}
		})
	}
}

func TestThereAndBackAgain(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.expect("c", Join{ID: "c"}, "a: joined c speaker", "b: joined c speaker", "a: topology sfu 2", "b: topology sfu 2")
	h.mode(SFU, 2, true)
	h.expect("a", Ready{2})
	h.expect("c", Ready{2})
	h.expect("b", Ready{2}, "a: settled 2", "b: settled 2", "c: settled 2")
	h.mode(SFU, 2, false)
	if len(h.timers) != 0 {
		t.Errorf("timers %v", h.timers)
	}
	h.expect("c", Leave{}, "a: left c left", "b: left c left", "c: removed left", "a: topology p2p 3", "b: topology p2p 3")
	h.do("a", Ready{3})
	h.expect("b", Ready{3}, "a: settled 3", "b: settled 3")
	h.expect("b", Ready{3}) // nothing to settle
	h.mode(P2P, 3, false)
}

func TestSettleTimeout(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b", "c")
	h.do("a", Ready{2})
	h.expectPass(5*time.Second-1, []string(nil)...)
	h.expectPass(1, "a: settled 2", "b: settled 2", "c: settled 2")
	h.expect("b", Ready{2})
	h.mode(SFU, 2, false)
}

func TestReadyOfAnotherEpoch(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b", "c")
	for _, epoch := range []int{1, 3, 0, -1, 1 << 40} {
		for _, id := range []MemberID{"a", "b", "c"} {
			h.expect(id, Ready{epoch})
		}
	}
	h.mode(SFU, 2, true)

	// A change overtakes the change: earlier answers count nothing, the time starts anew.
	h.do("a", Ready{2})
	h.pass(4 * time.Second)
	h.do("c", Leave{})
	h.mode(P2P, 3, true)
	h.do("b", Ready{2})
	h.do("b", Ready{3})
	h.mode(P2P, 3, true)
	h.expectPass(5*time.Second-1, []string(nil)...)
	h.expectPass(1, "a: settled 3", "b: settled 3")
}

func TestWhoASettleWaitsFor(t *testing.T) {
	tests := []struct {
		name string
		run  func(h *house) Effects // b and c are ready; a is not
		want []string
	}{
		{"the last one leaves", func(h *house) Effects { return h.do("a", Leave{}) },
			[]string{"b: left a left", "c: left a left", "d: left a left", "a: removed left",
				"b: updated b moderator", "c: updated b moderator", "d: updated b moderator",
				"b: settled 2", "c: settled 2", "d: settled 2"}},
		{"the last one loses its socket", func(h *house) Effects { return h.do("a", Detach{}) },
			[]string{"b: updated a moderator away", "c: updated a moderator away", "d: updated a moderator away",
				"a: settled 2", "b: settled 2", "c: settled 2", "d: settled 2"}},
		{"a newcomer counts", func(h *house) Effects {
			h.do("e", Join{ID: "e"})
			return h.do("a", Ready{2})
		}, nil},
		{"a newcomer who is ready", func(h *house) Effects {
			h.do("e", Join{ID: "e"})
			h.do("a", Ready{2})
			return h.do("e", Ready{2})
		}, []string{"a: settled 2", "b: settled 2", "c: settled 2", "d: settled 2", "e: settled 2"}},
		{"an encoder does not count", func(h *house) Effects {
			h.do("w", Join{ID: "w", Agent: AgentWHIP})
			return h.do("a", Ready{2})
		}, []string{"a: settled 2", "b: settled 2", "c: settled 2", "d: settled 2", "w: settled 2"}},
		{"somebody coming back counts", func(h *house) Effects {
			h.do("d", Detach{})
			h.do("d", Attach{})
			return h.do("a", Ready{2})
		}, []string{"a: settled 2", "b: settled 2", "c: settled 2", "d: settled 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := build(t, Options{Open: true})
			h.web("a", "b", "c", "d")
			for _, id := range []MemberID{"b", "c", "d"} {
				h.do(id, Ready{2})
			}
			h.same(tt.run(h), tt.want...)
		})
	}
}

// With every browser away nobody can be ready, and whoever comes back has the old path only.
func TestNobodyThereToBeReady(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a")
	h.do("a", Detach{})
	h.expect("w", Join{ID: "w", Agent: AgentWHIP}, "a: joined w speaker", "a: topology sfu 2")
	h.mode(SFU, 2, true)
	h.do("a", Attach{})
	h.mode(SFU, 2, true)
	h.expect("a", Ready{2}, "a: settled 2", "w: settled 2")
}

func TestBackAtOne(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a")
	h.do("w", Join{ID: "w", Agent: AgentWHIP})
	h.do("a", Ready{2})
	h.expect("w", Leave{}, "a: left w left", "w: removed left", "a: topology p2p 3")
	h.expect("a", Ready{3}, "a: settled 3")
}

func TestARoleChangesTheTopology(t *testing.T) {
	h := build(t, Options{Open: true})
	h.web("a", "b")
	h.expect("a", SetRole{"b", Viewer}, "a: updated b viewer", "b: updated b viewer", "a: topology sfu 2", "b: topology sfu 2")
	h.expect("a", SetRole{"b", Speaker}, "a: updated b speaker", "b: updated b speaker", "a: topology p2p 3", "b: topology p2p 3")
}
