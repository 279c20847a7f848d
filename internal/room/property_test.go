package room

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEveryHistoryConverges is FuzzRoom with a generator that shrinks well.
func TestEveryHistoryConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run(t, rapid.SliceOfN(rapid.Byte(), 400, 4000).Draw(t, "history"))
	})
}

// phone is the model of the calls in a lobby: per person at most one call and in which part.
type phone struct {
	peer    map[MemberID]MemberID
	calling map[MemberID]bool // this side rang
	active  map[MemberID]bool
	id      map[MemberID]CallID
}

func (p *phone) connect(a, b MemberID, id CallID) {
	p.peer[a], p.peer[b] = b, a
	p.id[a], p.id[b] = id, id
	p.calling[a] = true
}

func (p *phone) clear(a MemberID) {
	for _, m := range []MemberID{a, p.peer[a]} {
		delete(p.peer, m)
		delete(p.id, m)
		delete(p.calling, m)
		delete(p.active, m)
	}
}

// ring predicts a ring: an error code, or the state and reason of the call in the reply.
func (p *phone) ring(a, b MemberID) (code Code, state CallState, reason CallReason) {
	switch {
	case a == b:
		return CodeBadMessage, "", ""
	case p.peer[a] == b && !p.active[a] && p.calling[a]:
		return "", CallRinging, ""
	case p.peer[a] == b && !p.active[a]:
		p.active[a], p.active[b] = true, true
		return "", CallActive, ""
	case p.peer[a] != "":
		return CodeBusy, "", ""
	case p.peer[b] != "":
		return "", CallEnded, CallBusy
	default:
		return "", CallRinging, ""
	}
}

// accept predicts an answer with the id of whose call.
func (p *phone) accept(a MemberID, id CallID) Code {
	switch {
	case id == "" || p.id[a] != id:
		return CodeNoCall
	case p.active[a]:
		return ""
	case p.calling[a]:
		return CodeNotAllowed
	}
	p.active[a], p.active[p.peer[a]] = true, true
	return ""
}

// end predicts any of the three ways out.
func (p *phone) end(a MemberID, id CallID) (Code, CallReason) {
	if id == "" || p.id[a] != id {
		return CodeNoCall, ""
	}
	why := CallDeclined
	if p.active[a] {
		why = CallHangup
	} else if p.calling[a] {
		why = CallCancelled
	}
	p.clear(a)
	return "", why
}

// TestCallsFollowTheModel rings, answers and hangs up at random among four people and compares
// each outcome with the model's.
func TestCallsFollowTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []MemberID{"a", "b", "c", "d"}
		r := New("lobby", Options{Kind: Lobby, Open: true})
		now := time.Unix(1_700_000_000, 0)
		for _, id := range all {
			if _, err := r.Apply(id, Join{ID: id}, now); err != nil {
				t.Fatal(err)
			}
		}
		p := &phone{map[MemberID]MemberID{}, map[MemberID]bool{}, map[MemberID]bool{}, map[MemberID]CallID{}}
		who := rapid.SampledFrom(all)
		do := func(a MemberID, c Command, want Code) Effects {
			e, err := r.Apply(a, c, now)
			var got Code
			if err != nil {
				got = err.(*Error).Code
			}
			if got != want {
				t.Fatalf("%s: %#v: %v, want code %q", a, c, err, want)
			}
			return e
		}
		t.Repeat(map[string]func(*rapid.T){
			"ring": func(t *rapid.T) {
				a, b := who.Draw(t, "a"), who.Draw(t, "b")
				code, state, reason := p.ring(a, b)
				e := do(a, Ring{To: b}, code)
				if code != "" {
					return
				}
				if c := e.Reply.Call; c.State != state || c.Reason != reason {
					t.Fatalf("%s rings %s: %+v, want %s %s", a, b, c, state, reason)
				}
				if state == CallRinging && p.peer[a] == "" {
					p.connect(a, b, e.Reply.Call.ID)
				}
			},
			"accept": func(t *rapid.T) {
				a, id := who.Draw(t, "a"), p.id[who.Draw(t, "whose")]
				do(a, Accept{id}, p.accept(a, id))
			},
			"end": func(t *rapid.T) {
				a, id := who.Draw(t, "a"), p.id[who.Draw(t, "whose")]
				code, why := p.end(a, id)
				e := do(a, rapid.SampledFrom([]Command{HangUp{id}, Cancel{id}, Decline{id}}).Draw(t, "how"), code)
				if code == "" && e.Deliver[0].Event.(CallChanged).Call.Reason != why {
					t.Fatalf("%s ends: %v, want %s", a, told(e), why)
				}
			},
			"time": func(t *rapid.T) {
				a := who.Draw(t, "a")
				if id := p.id[a]; id != "" && !p.active[a] {
					now = now.Add(DefaultRingTimeout)
					do("", Expire{"ring:" + id}, "")
					p.clear(a)
				}
			},
			"come and go": func(t *rapid.T) {
				a := who.Draw(t, "a")
				do(a, Leave{}, "")
				p.clear(a)
				do(a, Join{ID: a}, "")
			},
			"": func(t *rapid.T) {
				for _, id := range all {
					calls := r.Snapshot(id).Calls
					if len(calls) > 1 || (len(calls) == 1) != (p.peer[id] != "") {
						t.Fatalf("%s has %+v, the model %q", id, calls, p.peer[id])
					}
					if len(calls) == 1 && (calls[0].ID != p.id[id] || (calls[0].State == CallActive) != p.active[id]) {
						t.Fatalf("%s has %+v, the model %q active %t", id, calls, p.id[id], p.active[id])
					}
				}
			},
		})
	})
}
