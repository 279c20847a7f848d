package native

import (
	"testing"

	"veche.example/internal/room"
	"veche.example/internal/signal/native/proto"
)

// attempts are frames, at least one per row of the authorisation table that a client can send.
var attempts = []struct {
	needs room.Message
	frame string
}{
	{room.MsgPing, `{"t":"ping","id":%}`},
	{room.MsgState, `{"t":"state","hand":true,"id":%}`},
	{room.MsgOfferPublish, `{"t":"offer","pc":1,"sdp":"v=0","tracks":[{"mid":"0","source":"mic"}],"seats":[],"id":%}`},
	{room.MsgOfferPublish, `{"t":"offer","pc":1,"sdp":"v=0","tracks":[{"mid":"0","source":"mic"}],"seats":[{"a":"1","v":"2"}],"id":%}`},
	{room.MsgOfferSubscribe, `{"t":"offer","pc":1,"sdp":"v=0","tracks":[],"seats":[{"a":"1","v":"2"}],"id":%}`},
	{room.MsgOfferSubscribe, `{"t":"offer","pc":1,"sdp":"v=0","tracks":[],"seats":[],"id":%}`},
	{room.MsgCandidate, `{"t":"candidate","pc":1,"candidate":null,"id":%}`},
	{room.MsgView, `{"t":"view","seats":[],"id":%}`},
	{room.MsgSignalMedia, `{"t":"signal","to":"b","link":"m:1","data":{"close":true},"id":%}`},
	{room.MsgSignalMedia, `{"t":"signal","to":"b","link":"c:1","data":{"close":true},"id":%}`},
	{room.MsgSignalFile, `{"t":"signal","to":"b","link":"f:1","data":{"close":true},"id":%}`},
	{room.MsgReady, `{"t":"ready","epoch":1,"id":%}`},
	{room.MsgRing, `{"t":"ring","to":"b","video":true,"id":%}`},
	{room.MsgAccept, `{"t":"accept","call":"c","id":%}`},
	{room.MsgDecline, `{"t":"decline","call":"c","id":%}`},
	{room.MsgCancel, `{"t":"cancel","call":"c","id":%}`},
	{room.MsgHangUp, `{"t":"hangup","call":"c","id":%}`},
	{room.MsgChat, `{"t":"chat","text":"x","id":%}`},
	{room.MsgMute, `{"t":"mute","member":"b","source":"mic","id":%}`},
	{room.MsgRemove, `{"t":"remove","member":"b","id":%}`},
	{room.MsgLock, `{"t":"lock","locked":true,"id":%}`},
	{room.MsgRole, `{"t":"role","member":"b","role":"viewer","id":%}`},
	{room.MsgEnd, `{"t":"end","id":%}`},
	{room.MsgICE, `{"t":"ice","id":%}`},
	{room.MsgLeave, `{"t":"leave","id":%}`}, // last: it ends the session
}

func numbered(text string, id int) string {
	out := ""
	for _, c := range text {
		if c == '%' {
			out += string(rune('0'+id/100%10)) + string(rune('0'+id/10%10)) + string(rune('0'+id%10))
		} else {
			out += string(c)
		}
	}
	return out
}

func TestAttemptsCoverTheTable(t *testing.T) {
	covered := map[room.Message]bool{room.MsgHello: true}
	for _, a := range attempts {
		req, _, err := proto.Decode([]byte(numbered(a.frame, 100)))
		if err != nil {
			t.Fatalf("%s: %v", a.frame, err)
		}
		needs := false
		for _, m := range req.Needs() {
			needs = needs || m == a.needs
		}
		if !needs {
			t.Errorf("%s does not need %s", a.frame, a.needs)
		}
		covered[a.needs] = true
	}
	for m := range room.Messages {
		if m.Wire() != "" && !covered[m] {
			t.Errorf("no attempt at %s", m)
		}
	}
}

// TestRights sends every message as every role in every kind of room, and before the hello. What
// the table denies must not reach the participant.
func TestRights(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f, Pending: 100})
	for _, kind := range []room.Kind{room.Meeting, room.Broadcast, room.Lobby} {
		for _, role := range []room.Role{0, room.Viewer, room.Speaker, room.Moderator} {
			t.Run(kind.String()+" "+role.String(), func(t *testing.T) {
				phase := room.PhaseOutside
				c := l.dial()
				c.t = t
				var p *fakePerson
				if role != 0 {
					phase = room.PhaseJoined
					c.join(helloOf("r", role.String()).with("kind", kind.String()))
					p = take(t, f.fresh, "a participant")
				}
				for i, a := range attempts {
					want := room.Allowed(role, phase, a.needs) && kind.Has(a.needs)
					id := 100 + i
					c.send(numbered(a.frame, id))
					reply := c.next()
					if reply.num("re") != id || (reply.str("t") == "error") == want || !want && reply.str("code") != "not-allowed" {
						t.Errorf("%s: got %v, allowed: %t", a.frame, reply, want)
					}
					if p == nil {
						continue
					}
					media := p.media.offer.SDP != "" || p.media.view != nil || p.media.candidate.Index != 0
					acted := len(p.did) > 0 || media || a.needs == room.MsgPing || a.needs == room.MsgICE
					if acted != want && a.needs != room.MsgPing && a.needs != room.MsgICE {
						t.Errorf("%s: acted upon: %t, allowed: %t", a.frame, acted, want)
					}
					for len(p.did) > 0 {
						<-p.did
					}
					*p.media = fakeMedia{}
				}
			})
		}
	}
}

// TestRoleChange: the rights follow the room's events at once, both ways.
func TestRoleChange(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "viewer")
	p := take(t, f.fresh, "p")
	lock := func() string {
		reply, _ := c.ask(frame{"t": "lock", "id": 9, "locked": true})
		return reply.str("t")
	}
	you := p.snapshot.You
	other := you
	other.ID, other.Role = "b", room.Moderator
	p.out.Room(room.Updated{Member: other})
	if got := lock(); got != "error" {
		t.Errorf("somebody else's promotion: %s", got)
	}
	you.Role = room.Moderator
	p.out.Room(room.Updated{Member: you})
	if got := lock(); got != "ok" {
		t.Errorf("after the promotion: %s", got)
	}
	you.Role = room.Speaker
	p.out.Room(room.Updated{Member: you})
	if got := lock(); got != "error" {
		t.Errorf("after the demotion: %s", got)
	}
}
