package session

import (
	"errors"
	"fmt"
	"testing"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
)

func (p *person) offerErr(o Offer) error {
	p.t.Helper()
	_, err := p.Media().Offer(testContext(p.t), o)
	return err
}

func TestOfferIsAuthorised(t *testing.T) {
	h := newHouse(t)
	speaker := h.join(JoinRequest{State: on})
	viewer := h.join(JoinRequest{Viewer: true})
	if _, err := viewer.Media().Offer(testContext(t), offerOf(1, 1)); err != nil {
		t.Errorf("a viewer cannot watch: %v", err)
	}
	wantCode(t, viewer.offerErr(offerOf(1, 1, room.SourceMic)), room.CodeNotAllowed)
	wantCode(t, viewer.offerErr(offerOf(2, 0, room.SourceCamera)), room.CodeNotAllowed)
	if err := speaker.offerErr(offerOf(1, 0, room.SourceMic)); err != nil {
		t.Errorf("a speaker cannot publish: %v", err)
	}
	lobby := h.join(JoinRequest{Room: "lobby", Kind: room.Lobby})
	wantCode(t, lobby.offerErr(offerOf(1, 0, room.SourceMic)), room.CodeNotAllowed)
	direct := h.join(JoinRequest{Room: "direct", Topology: room.ForceP2P})
	wantCode(t, direct.offerErr(offerOf(1, 1)), room.CodeNotAllowed)
	speaker.do(room.SetRole{Member: viewer.id, Role: room.Speaker})
	viewer.out.wait("the promotion", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && u.Member.Role == room.Speaker
	})
	if err := viewer.offerErr(offerOf(1, 1, room.SourceMic)); err != nil {
		t.Errorf("somebody promoted cannot publish: %v", err)
	}
}

func TestOfferIsChecked(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Seats = 4 })
	p := h.join(JoinRequest{})
	twice := offerOf(1, 0, room.SourceMic, room.SourceMic)
	twice.Tracks[1].MID = "other"
	both := offerOf(1, 1, room.SourceMic)
	both.Seats[0].Audio = "mic"
	for name, o := range map[string]Offer{
		"too many seats": offerOf(1, 5), "unknown source": offerOf(1, 0, "window"), "a source twice": twice,
		"a mid twice": offerOf(1, 0, room.SourceMic, room.SourceMic), "a mid for both": both,
		"no mid":             {PC: 1, Tracks: []Section{{Source: room.SourceMic}}},
		"a seat's mid twice": {PC: 1, Seats: []SeatPair{{Audio: "a", Video: "a"}}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, p.offerErr(o), room.CodeBadMessage) })
	}
	if len(h.peers) > 0 {
		t.Error("a peer was made for an offer that cannot be")
	}
	if err := p.offerErr(Offer{PC: 0, SDP: "half", Seats: []SeatPair{{Audio: "a0"}, {Video: "v1"}, {}}}); err != nil {
		t.Errorf("halves of seats: %v", err)
	}
}

func TestViewIsChecked(t *testing.T) {
	p := newHouse(t, func(c *Config) { c.Seats = 4 }).join(JoinRequest{})
	good := Wish{Seat: 3, Member: "m", Source: room.SourceScreen}
	for name, w := range map[string][]Wish{
		"seat too high":  {{Seat: 4, Member: "m", Source: room.SourceCamera}},
		"negative seat":  {{Seat: -1, Member: "m", Source: room.SourceCamera}},
		"seat twice":     {good, good},
		"no member":      {{Source: room.SourceCamera}},
		"sound only":     {{Member: "m", Source: room.SourceMic}},
		"unknown source": {{Member: "m", Source: "window"}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, p.Media().View(testContext(t), w), room.CodeBadMessage) })
	}
	p.see(good)
}

func TestGenerations(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{State: on})
	wantCode(t, p.Media().Candidate(testContext(t), Candidate{PC: 1}), room.CodeBadMessage)
	p.connect(offerOf(3, 1))
	first := p.peer
	wantCode(t, p.offerErr(offerOf(2, 1)), room.CodeBadMessage)
	p.offer(offerOf(3, 1, room.SourceMic)) // negotiates again
	if p.peer != first || len(first.offers) != 2 || first.offers[1].Publish[0] != "mic" || first.offers[1].Receive[1] != "v0" {
		t.Fatalf("offers %+v", first.offers)
	}
	if err := p.Media().Candidate(testContext(t), Candidate{PC: 3, Line: "candidate:1", MID: "mic", Index: -1}); err != nil {
		t.Fatal(err)
	}
	p.connect(offerOf(4, 1))
	if p.peer == first {
		t.Fatal("a higher pc is the same peer")
	}
	eventually(t, "the old peer is closed", first.isClosed)
	if err := p.Media().Candidate(testContext(t), Candidate{PC: 3, Line: "candidate:2"}); err != nil || len(first.candidates) != 1 {
		t.Errorf("a late candidate: %v, %d taken", err, len(first.candidates))
	}
	wantCode(t, p.Media().Candidate(testContext(t), Candidate{PC: 5}), room.CodeBadMessage)
	p.peer.fail = fmt.Errorf("line 3: %w", rtc.ErrCandidate)
	wantCode(t, p.Media().Candidate(testContext(t), Candidate{PC: 4}), room.CodeBadMessage)
	if got := h.Stats().Peers; got != 1 {
		t.Errorf("%d peers", got)
	}
}

func TestMediaStates(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{}).connect(offerOf(1, 1))
	p.peer.config.Handler.State(rtc.Disconnected)
	p.peer.config.Handler.State(rtc.Connected)
	p.peer.config.Handler.State(rtc.Failed)
	p.peer.config.Handler.State(rtc.Closed) // too late
	p.out.media(1, MediaFailed)
	eventually(t, "a failed peer is closed", p.peer.isClosed)
	wantCode(t, p.offerErr(offerOf(1, 1)), CodeSDP)
	if err := p.Media().Candidate(testContext(t), Candidate{PC: 1}); err != nil {
		t.Errorf("a late candidate: %v", err)
	}
	p.connect(offerOf(2, 1))
	p.peer.config.Handler.State(rtc.Closed)
	p.out.media(2, MediaClosed)
	told := 0
	p.out.mu.Lock()
	for _, v := range p.out.all {
		if _, ok := v.(mediaTold); ok {
			told++
		}
	}
	p.out.mu.Unlock()
	if told != 4 {
		t.Errorf("told of %d states, want connected, failed, connected, closed", told)
	}
	eventually(t, "no peer is left", func() bool { return h.Stats().Peers == 0 })
}

func TestBadDescription(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{State: on}).connect(offerOf(1, 1, room.SourceMic))
	mic := p.publish(room.SourceMic, media.Opus)
	guest := h.join(JoinRequest{}).connect(offerOf(1, 1))
	guest.see(Wish{Member: p.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(p.id, SeatLive, SeatNone, ""), mic.send)
	p.peer.fail = fmt.Errorf("%w: no fingerprint", rtc.ErrSDP)
	wantCode(t, p.offerErr(offerOf(1, 2, room.SourceCamera)), CodeSDP)
	guest.out.seat(pairOf(p.id, SeatLive, SeatNone, ""), mic.send) // goes on as before
	if h.Stats().Tracks != 1 {
		t.Errorf("%d tracks", h.Stats().Tracks)
	}
	p.peer.fail = rtc.ErrClosed
	wantCode(t, p.offerErr(offerOf(1, 1, room.SourceMic)), CodeSDP)
	p.peer.fail = errors.New("no more memory")
	wantCode(t, p.offerErr(offerOf(1, 1, room.SourceMic)), CodeSDP)
}

// A new generation that comes to nothing leaves the one before alone.
func TestBadNewGeneration(t *testing.T) {
	var fail error
	made := make(chan *fakePeer, 8)
	h := newHouse(t, func(c *Config) {
		c.NewPeer = func(rtc.PeerConfig) (Peer, error) {
			if fail != nil {
				return nil, fail
			}
			p := &fakePeer{fail: rtc.ErrSDP}
			if len(made) == 0 {
				p.fail = nil
			}
			made <- p
			return p, nil
		}
	})
	p := h.join(JoinRequest{})
	if err := p.offerErr(offerOf(1, 0)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.offerErr(offerOf(2, 0)), CodeSDP)
	first, second := <-made, <-made
	if first.isClosed() || !second.isClosed() {
		t.Errorf("the old peer is closed: %v, the useless one: %v", first.isClosed(), second.isClosed())
	}
	fail = errors.New("too many files")
	wantCode(t, p.offerErr(offerOf(2, 0)), room.CodeOverloaded)
}

func TestSectionsThatAreNotWhatWasSaid(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceMic, room.SourceCamera))
	guest := h.join(JoinRequest{}).connect(offerOf(1, 1))
	guest.see(Wish{Member: p.id, Source: room.SourceCamera})
	lie := newPublisher(media.Opus)
	p.peer.config.Handler.Track("camera", "", lie.Track)
	p.peer.config.Handler.Track("nobody offered this", "", newPublisher(media.VP8).Track)
	p.publish(room.SourceMic, media.Opus)
	guest.out.seat(pairOf(p.id, SeatWaiting, SeatNone, ""))
	guest.out.wait("the track that is what was said", func(v any) bool {
		u, ok := v.(room.Updated)
		if ok && len(u.Member.Tracks) > 1 {
			t.Errorf("the room knows of %v", u.Member.Tracks)
		}
		return ok && len(u.Member.Tracks) == 1 && u.Member.Tracks[0].Source == room.SourceMic
	})
}

func TestDemotion(t *testing.T) {
	h := newHouse(t)
	boss := h.join(JoinRequest{State: on})
	p := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
	guest := h.join(JoinRequest{}).connect(offerOf(1, 1))
	guest.see(Wish{Member: p.id, Source: room.SourceCamera})
	camera := p.publish(room.SourceCamera, media.VP8)
	guest.out.seat(pairOf(p.id, SeatNone, SeatLive, "vp8"), camera.send)
	boss.do(room.SetRole{Member: p.id, Role: room.Viewer})
	guest.out.seat(pairOf(p.id, SeatNone, SeatNone, ""))
	before, _ := guest.peer.sink("v0").count()
	camera.send()
	if n, _ := guest.peer.sink("v0").count(); n != before {
		t.Error("a viewer's packets are forwarded")
	}
	boss.do(room.SetRole{Member: p.id, Role: room.Speaker})
	guest.out.seat(pairOf(p.id, SeatNone, SeatMuted, "vp8")) // its state is off until it says otherwise
	yes := true
	p.do(room.SetState{Camera: &yes})
	guest.out.seat(pairOf(p.id, SeatNone, SeatLive, "vp8"), camera.send)
}

func TestRemoval(t *testing.T) {
	h := newHouse(t)
	boss := h.join(JoinRequest{State: on})
	p := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
	guest := h.join(JoinRequest{}).connect(offerOf(1, 1))
	guest.see(Wish{Member: p.id, Source: room.SourceCamera})
	camera := p.publish(room.SourceCamera, media.VP8)
	guest.out.seat(pairOf(p.id, SeatNone, SeatLive, "vp8"), camera.send)
	boss.do(room.Remove{Member: p.id})
	p.out.removed(room.CodeRemoved)
	guest.out.seat(pairOf(p.id, SeatNone, SeatNone, ""))
	before, _ := guest.peer.sink("v0").count()
	camera.send()
	if n, _ := guest.peer.sink("v0").count(); n != before {
		t.Error("a removed member's packets are forwarded")
	}
	if who := <-h.revoked; who != p.id {
		t.Errorf("revoked %q", who)
	}
	if !p.peer.isClosed() {
		t.Error("the peer of a removed member is open")
	}
	if err := p.offerErr(offerOf(2, 0)); err == nil {
		t.Error("a removed member can offer")
	}
	if !(<-h.peers).isClosed() {
		t.Error("the peer of the late offer is open")
	}
}

// No state of the room tells of the sound of a screen: a mute holds it until its publisher shares again.
func TestScreenAudioMute(t *testing.T) {
	h := newHouse(t)
	boss := h.join(JoinRequest{State: on}).connect(offerOf(1, 1))
	p := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceScreen, room.SourceScreenAudio))
	sound := p.publish(room.SourceScreenAudio, media.Opus)
	boss.see(Wish{Member: p.id, Source: room.SourceScreen})
	want := Seat{Member: p.id, Source: room.SourceScreen, Audio: SeatLive, Video: SeatNone}
	boss.out.seat(want, sound.send)
	boss.do(room.Mute{Member: p.id, Source: room.SourceScreenAudio})
	want.Audio = SeatNone
	boss.out.seat(want)
	yes := true
	p.do(room.SetState{Screen: &yes})
	want.Audio = SeatLive
	boss.out.seat(want, sound.send)
}

func TestEncoderIsOn(t *testing.T) {
	h := newHouse(t)
	boss := h.join(JoinRequest{}).connect(offerOf(1, 1))
	whip := h.join(JoinRequest{Agent: room.AgentWHIP}).connect(offerOf(0, 0, room.SourceMic, room.SourceCamera))
	camera := whip.publish(room.SourceCamera, media.VP8)
	boss.see(Wish{Member: First, Source: room.SourceCamera})
	boss.out.seat(pairOf(whip.id, SeatNone, SeatLive, "vp8"), camera.send)
	boss.do(room.Mute{Member: whip.id, Source: room.SourceCamera})
	boss.out.seat(pairOf(whip.id, SeatNone, SeatMuted, "vp8"))
}

// A client that never ends to find candidates is told so; with the next offer it may begin again.
func TestTooManyCandidates(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{}).connect(offerOf(1, 0))
	say := func() error { return p.Media().Candidate(testContext(t), Candidate{PC: 1, Line: "candidate:1"}) }
	for i := range maxCandidates {
		if err := say(); err != nil {
			t.Fatalf("candidate %d: %v", i, err)
		}
	}
	wantCode(t, say(), room.CodeBadMessage)
	if n := len(p.peer.candidates); n != maxCandidates {
		t.Errorf("%d came to the connection", n)
	}
	p.offer(offerOf(1, 0))
	if err := say(); err != nil {
		t.Errorf("after the next offer: %v", err)
	}
}
