package room

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lobby(t *testing.T, ids ...MemberID) *house {
	t.Helper()
	h := build(t, Options{Kind: Lobby, Open: true})
	h.web(ids...)
	return h
}

// idle checks that nobody is in a call and no ring timer is left.
func (h *house) idle() {
	h.t.Helper()
	for id, v := range views(h.r) {
		if len(v.Calls) > 0 {
			h.t.Errorf("%s is still in %+v", id, v.Calls)
		}
	}
	if len(h.timers) > 0 {
		h.t.Errorf("timers %v", h.timers)
	}
}

func TestCallAnsweredAndEnded(t *testing.T) {
	h := lobby(t, "a", "b", "c")
	e := h.expect("a", Ring{To: "b", Video: true}, "b: call a>b ringing") // nobody else hears of it
	want := Call{ID: "id-1", From: "a", To: "b", Video: true, State: CallRinging, At: h.now}
	if d := cmp.Diff(&want, e.Reply.Call); d != "" {
		t.Error(d)
	}
	for _, id := range []MemberID{"a", "b"} {
		if d := cmp.Diff([]Call{want}, h.r.Snapshot(id).Calls); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	if got := h.r.Snapshot("c").Calls; got != nil {
		t.Errorf("c sees %+v", got)
	}
	h.pass(3 * time.Second)
	h.expect("b", Accept{"id-1"}, "a: call a>b active", "b: call a>b active")
	h.expect("b", Accept{"id-1"}) // twice is once
	if got := h.r.Snapshot("a").Calls[0]; got.State != CallActive || got.At != h.now || !got.Video {
		t.Errorf("active: %+v", got)
	}
	h.expectPass(time.Hour, []string(nil)...)
	h.expect("a", HangUp{"id-1"}, "a: call a>b ended hangup", "b: call a>b ended hangup")
	h.refuse("a", HangUp{"id-1"}, CodeNoCall)
	h.refuse("b", HangUp{"id-1"}, CodeNoCall)
	h.idle()
}

func TestCallEndings(t *testing.T) {
	tests := []struct {
		name   string
		active bool
		actor  MemberID
		c      func(id CallID) Command
		want   CallReason
	}{
		{"declined", false, "b", func(id CallID) Command { return Decline{id} }, CallDeclined},
		{"cancelled", false, "a", func(id CallID) Command { return Cancel{id} }, CallCancelled},
		{"the caller hangs up early", false, "a", func(id CallID) Command { return HangUp{id} }, CallCancelled},
		{"the callee hangs up early", false, "b", func(id CallID) Command { return HangUp{id} }, CallDeclined},
		{"the caller hangs up", true, "a", func(id CallID) Command { return HangUp{id} }, CallHangup},
		{"the callee hangs up", true, "b", func(id CallID) Command { return HangUp{id} }, CallHangup},
		{"cancel crosses accept", true, "a", func(id CallID) Command { return Cancel{id} }, CallHangup},
		{"decline crosses glare", true, "b", func(id CallID) Command { return Decline{id} }, CallHangup},
		{"the caller leaves, ringing", false, "a", func(CallID) Command { return Leave{} }, CallGone},
		{"the callee leaves, ringing", false, "b", func(CallID) Command { return Leave{} }, CallGone},
		{"the caller leaves", true, "a", func(CallID) Command { return Leave{} }, CallGone},
		{"the callee is too slow", true, "b", func(CallID) Command { return Leave{ReasonSlow} }, CallGone},
		{"the callee is removed", true, "m", func(CallID) Command { return Remove{"b"} }, CallGone},
		{"the callee becomes a viewer", true, "m", func(CallID) Command { return SetRole{"b", Viewer} }, CallUnavailable},
		{"the caller becomes a viewer, ringing", false, "m", func(CallID) Command { return SetRole{"a", Viewer} }, CallUnavailable},
	}
	for _, kind := range []Kind{Lobby, Meeting} {
		for _, tt := range tests {
			t.Run(kind.String()+"/"+tt.name, func(t *testing.T) {
				h := build(t, Options{Kind: kind, Topology: ForceSFU})
				h.grant("m", Moderator)
				h.grant("a", Speaker)
				h.grant("b", Speaker)
				id := h.ring("a", "b")
				if tt.active {
					h.do("b", Accept{id})
				}
				e := h.do(tt.actor, tt.c(id))
				heard := map[MemberID]int{}
				for _, d := range e.Deliver {
					if c, ok := d.Event.(CallChanged); ok {
						heard[d.To]++
						if c.Call.ID != id || c.Call.State != CallEnded || c.Call.Reason != tt.want {
							t.Errorf("%s told %+v", d.To, c.Call)
						}
					}
				}
				if d := cmp.Diff(map[MemberID]int{"a": 1, "b": 1}, heard); d != "" {
					t.Errorf("told:\n%s", d)
				}
				h.idle()
			})
		}
	}
}

func TestRingTimeout(t *testing.T) {
	h := lobby(t, "a", "b")
	h.ring("a", "b")
	h.expectPass(45*time.Second-1, []string(nil)...)
	h.expectPass(1, "a: call a>b ended timeout", "b: call a>b ended timeout")
	h.refuse("b", Accept{"id-1"}, CodeNoCall)
	h.idle()
}

func TestGlare(t *testing.T) {
	h := lobby(t, "a", "b")
	id := h.ring("a", "b")
	e := h.expect("b", Ring{To: "a"}, "a: call a>b active", "b: call a>b active")
	if c := e.Reply.Call; c == nil || c.ID != id || c.State != CallActive {
		t.Errorf("reply %+v", c)
	}
	h.expectPass(time.Hour, []string(nil)...) // the ring timer is off
	h.refuse("a", Ring{To: "b"}, CodeBusy)
	h.refuse("b", Ring{To: "a"}, CodeBusy)
	h.do("a", HangUp{id})
	h.idle()
}

func TestRingAgainIsTheSameCall(t *testing.T) {
	h := lobby(t, "a", "b")
	id := h.ring("a", "b")
	h.pass(40 * time.Second)
	e := h.expect("a", Ring{To: "b"})
	if c := e.Reply.Call; c == nil || c.ID != id || c.State != CallRinging {
		t.Errorf("reply %+v", c)
	}
	if got := h.pass(5 * time.Second); len(got) != 2 {
		t.Errorf("ringing again prolonged the ring: %v", got)
	}
}

func TestBusy(t *testing.T) {
	for _, tt := range []struct {
		name string
		busy func(h *house)
	}{
		{"talks to another", func(h *house) { h.talk("b", "c") }},
		{"was called by another", func(h *house) { h.talk("c", "b") }},
		{"rings another", func(h *house) { h.ring("b", "c") }},
		{"is rung by another", func(h *house) { h.ring("c", "b") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := lobby(t, "a", "b", "c")
			tt.busy(h)
			before := h.r.Snapshot("b").Calls
			e := h.expect("a", Ring{To: "b"}, "a: call a>b ended busy", "b: call a>b ended busy")
			if c := e.Reply.Call; c == nil || c.State != CallEnded || c.Reason != CallBusy {
				t.Errorf("reply %+v", c)
			}
			if d := cmp.Diff(before, h.r.Snapshot("b").Calls); d != "" {
				t.Errorf("the other call suffered: %s", d)
			}
			h.refuse("a", HangUp{e.Reply.Call.ID}, CodeNoCall)
			h.refuse("b", Ring{To: "a"}, CodeBusy) // whoever is in a call cannot ring
		})
	}
}

func TestRingNobody(t *testing.T) {
	h := build(t, Options{Kind: Meeting})
	h.grant("a", Speaker)
	h.grant("v", Viewer)
	h.do("w", Join{ID: "w", Agent: AgentWHIP, Role: Speaker, Granted: true})
	for _, to := range []MemberID{"", "x", "constructor", "__proto__", "A"} {
		h.refuse("a", Ring{To: to}, CodeNoMember)
	}
	h.refuse("a", Ring{To: "a"}, CodeBadMessage)
	for _, to := range []MemberID{"v", "w"} {
		h.expect("a", Ring{To: to}, "a: call a>"+to+" ended unavailable", to+": call a>"+to+" ended unavailable")
	}
	h.pass(time.Minute)
	h.idle()

	h = build(t, Options{Kind: Broadcast})
	h.grant("a", Moderator)
	h.grant("b", Speaker)
	h.refuse("a", Ring{To: "b"}, CodeNotAllowed)
}

func TestStrangersAndTheWrongSide(t *testing.T) {
	h := lobby(t, "a", "b", "c")
	id := h.ring("a", "b")
	h.refuse("a", Accept{id}, CodeNotAllowed)
	for _, c := range []func(CallID) Command{
		func(id CallID) Command { return Accept{id} }, func(id CallID) Command { return Decline{id} },
		func(id CallID) Command { return Cancel{id} }, func(id CallID) Command { return HangUp{id} },
	} {
		h.refuse("c", c(id), CodeNoCall)
		h.refuse("a", c("other"), CodeNoCall)
		h.refuse("b", c(""), CodeNoCall)
	}
	h.do("b", Accept{id})
	h.expect("a", Accept{id})
	h.refuse("c", HangUp{id}, CodeNoCall)
	if h.r.Snapshot("a").Calls[0].State != CallActive {
		t.Error("a stranger ended the call")
	}
}

// A side that loses its socket keeps its call for the grace.
func TestCallOutlivesASocket(t *testing.T) {
	h := lobby(t, "a", "b")
	id := h.talk("a", "b")
	h.do("a", Detach{})
	h.pass(29 * time.Second)
	if c := h.r.Snapshot("a").Calls; len(c) != 1 || c[0].ID != id {
		t.Errorf("a comes back to %+v", c)
	}
	h.expectPass(time.Second, "a: call a>b ended gone", "b: call a>b ended gone", "b: left a gone", "a: removed gone")
	h.idle()
}
