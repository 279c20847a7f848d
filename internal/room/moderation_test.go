package room

import "testing"

func moderated(t *testing.T) *house {
	t.Helper()
	h := build(t, Options{Topology: ForceSFU})
	h.grant("m", Moderator)
	h.grant("b", Speaker)
	return h
}

func TestMute(t *testing.T) {
	h := moderated(t)
	h.do("b", SetState{Mic: yes(), Camera: yes(), Screen: yes(), Hand: yes()})
	h.expect("m", Mute{"b", SourceMic}, "b: muted mic by m",
		"m: updated b speaker camera screen hand", "b: updated b speaker camera screen hand")
	h.expect("m", Mute{"b", SourceMic}, "b: muted mic by m")
	h.expect("m", Mute{"b", SourceScreenAudio}, "b: muted screen-audio by m")
	h.expect("m", Mute{"b", SourceScreen}, "b: muted screen by m",
		"m: updated b speaker camera hand", "b: updated b speaker camera hand")
	h.expect("m", Mute{"b", SourceCamera}, "b: muted camera by m",
		"m: updated b speaker hand", "b: updated b speaker hand")
	h.expect("b", SetState{Mic: yes()}, "m: updated b speaker mic hand")
	h.refuse("m", Mute{"x", SourceMic}, CodeNoMember)
	h.refuse("m", Mute{"b", "nose"}, CodeBadMessage)
	h.refuse("b", Mute{"m", SourceMic}, CodeNotAllowed)
}

func TestRemove(t *testing.T) {
	h := moderated(t)
	h.do("b", Detach{}) // also somebody who is away
	h.expect("m", Remove{"b"}, "m: left b removed", "b: removed removed m")
	if len(h.timers) != 0 {
		t.Errorf("timers %v", h.timers)
	}
	h.refuse("b", Attach{}, CodeNotAllowed)
	h.refuse("m", Remove{"b"}, CodeNoMember)
	h.refuse("m", Remove{"m"}, CodeBadMessage)
	h.grant("c", Speaker) // a new id is a new member; the lock is against that
}

func TestLock(t *testing.T) {
	h := moderated(t)
	h.expect("m", Lock{true}, "m: room locked=true publish=vp8", "b: room locked=true publish=vp8")
	h.expect("m", Lock{true})
	if !h.r.Snapshot("").Locked {
		t.Error("not locked")
	}
	h.refuse("c", Join{ID: "c", Granted: true, Role: Speaker}, CodeLocked)
	h.expect("m", Lock{false}, "m: room locked=false publish=vp8", "b: room locked=false publish=vp8")
	h.grant("c", Speaker)
}

func TestSetRole(t *testing.T) {
	h := moderated(t)
	h.do("b", SetState{Mic: yes(), Camera: yes(), Hand: yes()})
	h.do("b", Publish{[]Track{{Source: SourceMic}}})
	h.expect("m", SetRole{"b", Viewer}, "m: updated b viewer hand", "b: updated b viewer hand")
	h.refuse("b", Publish{[]Track{{Source: SourceMic}}}, CodeNotAllowed)
	h.expect("b", Unpublish{}) // the media that ends late is no fault
	h.expect("m", SetRole{"b", Viewer})
	h.expect("m", SetRole{"b", Moderator}, "m: updated b moderator hand", "b: updated b moderator hand")
	h.expect("b", SetRole{"m", Viewer}, "m: updated m viewer", "b: updated m viewer")
	h.refuse("m", Lock{true}, CodeNotAllowed)
	h.refuse("b", SetRole{"b", Speaker}, CodeNotAllowed) // the last one stays
	h.refuse("b", SetRole{"x", Speaker}, CodeNoMember)
	h.refuse("b", SetRole{"m", 0}, CodeBadMessage)
	h.refuse("b", SetRole{"m", Moderator + 1}, CodeBadMessage)
}

func TestRolesOfAgents(t *testing.T) {
	h := moderated(t)
	h.do("w", Join{ID: "w", Agent: AgentWHIP, Role: Speaker, Granted: true})
	h.do("p", Join{ID: "p", Agent: AgentWHEP, Role: Viewer, Granted: true})
	h.refuse("m", SetRole{"w", Moderator}, CodeNotAllowed)
	h.refuse("m", SetRole{"p", Speaker}, CodeNotAllowed)
	h.do("m", SetRole{"w", Viewer})
	h.do("m", SetRole{"w", Speaker})
}
