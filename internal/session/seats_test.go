package session

import (
	"testing"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/sfu"
)

// pairOf makes the first seat of a camera.
func pairOf(member room.MemberID, audio, video SeatStatus, codec string) Seat {
	return Seat{Member: member, Source: room.SourceCamera, Audio: audio, Video: video, Codec: codec}
}

// studio is a host who publishes and a guest with one seat.
func studio(t *testing.T) (host, guest *person, mic, camera *publisher) {
	t.Helper()
	h := newHouse(t)
	host = h.join(JoinRequest{Name: "host", State: on}).connect(offerOf(1, 0, room.SourceMic, room.SourceCamera))
	guest = h.join(JoinRequest{Name: "guest"}).connect(offerOf(1, 1))
	mic, camera = host.publish(room.SourceMic, media.Opus), host.publish(room.SourceCamera, media.VP8)
	return host, guest, mic, camera
}

func TestSeatGoesLive(t *testing.T) {
	host, guest, mic, camera := studio(t)
	guest.out.wait("the tracks", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && u.Member.ID == host.id && len(u.Member.Tracks) == 2 && u.Member.Tracks[1].Codec == "vp8"
	})
	guest.see(Wish{Seat: 0, Member: host.id, Source: room.SourceCamera, Width: 640, Height: 360})
	guest.out.seat(pairOf(host.id, SeatWaiting, SeatWaiting, "vp8"))
	mic.send()
	guest.out.seat(pairOf(host.id, SeatLive, SeatWaiting, "vp8"))
	camera.send()
	live := guest.out.seat(pairOf(host.id, SeatLive, SeatLive, "vp8"))
	n, ts := guest.peer.sink("v0").count()
	if live.RTP == nil || n == 0 || *live.RTP != ts {
		t.Errorf("first timestamp told %v, sent %d (%d packets)", live.RTP, ts, n)
	}
}

func TestModeratorMutes(t *testing.T) {
	host, guest, mic, camera := studio(t)
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	both := func() { mic.send(); camera.send() }
	guest.out.seat(pairOf(host.id, SeatLive, SeatLive, "vp8"), both)
	host.do(room.SetRole{Member: guest.id, Role: room.Moderator})
	guest.do(room.Mute{Member: host.id, Source: room.SourceMic})
	guest.out.seat(pairOf(host.id, SeatMuted, SeatLive, "vp8"))
	before, _ := guest.peer.sink("a0").count()
	video, _ := guest.peer.sink("v0").count()
	both()
	if n, _ := guest.peer.sink("a0").count(); n != before {
		t.Error("a muted microphone is forwarded")
	}
	if n, _ := guest.peer.sink("v0").count(); n == video {
		t.Error("the camera went silent with the microphone")
	}
	guest.do(room.Mute{Member: host.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(host.id, SeatMuted, SeatMuted, "vp8"))
	yes := true
	host.do(room.SetState{Mic: &yes, Camera: &yes})
	guest.out.seat(pairOf(host.id, SeatLive, SeatLive, "vp8"), both)
}

// What a seat still shows while it waits for another picture is under the same law.
func TestMuteReachesWhatStillFlows(t *testing.T) {
	host, guest, _, camera := studio(t)
	other := host.h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
	other.publish(room.SourceCamera, media.VP8) // never sends
	guest.out.wait("its track", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && u.Member.ID == other.id && len(u.Member.Tracks) == 1
	})
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(host.id, SeatWaiting, SeatLive, "vp8"), camera.send)
	guest.see(Wish{Member: other.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(other.id, SeatNone, SeatWaiting, "vp8"))
	before, _ := guest.peer.sink("v0").count()
	camera.send()
	if n, _ := guest.peer.sink("v0").count(); n != before+1 {
		t.Fatal("a switch does not keep the old picture")
	}
	off := false
	host.do(room.SetState{Camera: &off})
	guest.out.wait("the mute", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && u.Member.ID == host.id && !u.Member.State.Camera
	})
	eventually(t, "the old picture stops", func() bool {
		before, _ := guest.peer.sink("v0").count()
		camera.send()
		n, _ := guest.peer.sink("v0").count()
		return n == before
	})
}

func TestFirstPublisher(t *testing.T) {
	h := newHouse(t)
	early := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceMic, room.SourceCamera, room.SourceScreen))
	late := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
	guest := h.join(JoinRequest{}).connect(offerOf(1, 2))
	guest.see(
		Wish{Seat: 0, Member: First, Source: room.SourceCamera},
		Wish{Seat: 1, Member: First, Source: room.SourceScreen, Paused: true},
	)
	first := late.publish(room.SourceCamera, media.VP8) // joined second, publishes first
	guest.out.seat(pairOf(late.id, SeatNone, SeatLive, "vp8"), first.send)
	early.publish(room.SourceCamera, media.VP9)
	early.publish(room.SourceScreen, media.AV1)
	guest.out.seat(Seat{Seat: 1, Member: early.id, Source: room.SourceScreen, Audio: SeatNone, Video: SeatPaused, Codec: "av1"})
	guest.out.seat(pairOf(late.id, SeatNone, SeatLive, "vp8"))
	late.do(room.Leave{})
	guest.out.seat(pairOf(early.id, SeatNone, SeatWaiting, "vp9"))
	early.do(room.Leave{})
	guest.out.seat(pairOf("", SeatNone, SeatNone, ""))
}

// A publisher does not watch itself, and the first keeps its place when it connects anew.
func TestFirstIsSomebodyElse(t *testing.T) {
	h := newHouse(t)
	a := h.join(JoinRequest{State: on}).connect(offerOf(1, 1, room.SourceCamera))
	b := h.join(JoinRequest{State: on}).connect(offerOf(1, 1, room.SourceCamera))
	c := h.join(JoinRequest{State: on}).connect(offerOf(1, 1))
	for _, p := range []*person{a, b, c} {
		p.see(Wish{Member: First, Source: room.SourceCamera})
	}
	a.publish(room.SourceCamera, media.VP8)
	b.out.seat(pairOf(a.id, SeatNone, SeatWaiting, "vp8"))
	b.publish(room.SourceCamera, media.VP9)
	a.out.seat(pairOf(b.id, SeatNone, SeatWaiting, "vp9"))
	c.out.seat(pairOf(a.id, SeatNone, SeatWaiting, "vp8"))
	old := a.peer
	a.connect(offerOf(2, 1, room.SourceCamera))
	if a.peer == old {
		t.Fatal("a higher pc is the same peer")
	}
	c.out.seat(pairOf(b.id, SeatNone, SeatWaiting, "vp9"))
	a.publish(room.SourceCamera, media.H264)
	c.out.seat(pairOf(a.id, SeatNone, SeatWaiting, "h264"))
}

func TestPauseAndResume(t *testing.T) {
	host, guest, mic, camera := studio(t)
	both := func() { mic.send(); camera.send() }
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	was := guest.out.seat(pairOf(host.id, SeatLive, SeatLive, "vp8"), both)
	guest.see(Wish{Member: host.id, Source: room.SourceCamera, Paused: true})
	guest.out.seat(pairOf(host.id, SeatLive, SeatPaused, "vp8"))
	video, _ := guest.peer.sink("v0").count()
	audio, _ := guest.peer.sink("a0").count()
	both()
	if n, _ := guest.peer.sink("v0").count(); n != video {
		t.Error("a paused picture flows")
	}
	if n, _ := guest.peer.sink("a0").count(); n != audio+1 {
		t.Error("the sound of a paused seat does not flow")
	}
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	is := guest.out.seat(pairOf(host.id, SeatLive, SeatLive, "vp8"), both)
	if *is.RTP == *was.RTP {
		t.Error("the resumption has no timestamp of its own")
	}
	guest.see()
	guest.out.seat(pairOf("", SeatNone, SeatNone, ""))
}

func TestUndecodable(t *testing.T) {
	h := newHouse(t)
	host := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceMic, room.SourceCamera))
	guest := h.join(JoinRequest{Decode: room.Caps{Audio: []string{"opus"}, Video: []string{"vp8"}}}).connect(offerOf(1, 1))
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	camera := host.publish(room.SourceCamera, media.H264)
	mic := host.publish(room.SourceMic, media.PCMU)
	guest.out.seat(pairOf(host.id, SeatUndecodable, SeatUndecodable, "h264"), camera.send, mic.send)
	if n, _ := guest.peer.sink("v0").count(); n > 0 {
		t.Error("undecodable packets are sent")
	}
	again := host.publish(room.SourceCamera, media.VP8) // moved to a codec that all decode
	guest.out.seat(pairOf(host.id, SeatUndecodable, SeatLive, "vp8"), again.send)
}

// A codec that the section has not negotiated becomes possible with the next offer.
func TestCodecNotNegotiated(t *testing.T) {
	h := newHouse(t)
	host := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
	guest := h.join(JoinRequest{})
	guest.offer(offerOf(1, 0))
	guest.peer.codecs = []media.Codec{media.VP8, media.Opus}
	guest.connect(offerOf(1, 1))
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	camera := host.publish(room.SourceCamera, media.VP9)
	guest.out.seat(pairOf(host.id, SeatNone, SeatUndecodable, "vp9"))
	b := sfu.Binding{SSRC: 7}
	b.Payload[media.VP9] = sfu.Payload{Negotiated: true, Type: 98}
	guest.peer.Slot("v0").Bind(b)
	guest.offer(offerOf(1, 1))
	guest.out.seat(pairOf(host.id, SeatNone, SeatLive, "vp9"), camera.send)
}

func TestNothingIsShownBeforeTheTransport(t *testing.T) {
	h := newHouse(t)
	host := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
	camera := host.publish(room.SourceCamera, media.VP8)
	guest := h.join(JoinRequest{})
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	guest.offer(offerOf(1, 1))
	guest.out.seat(pairOf(host.id, SeatNone, SeatWaiting, "vp8"))
	camera.send()
	if n := camera.Stats().Slots; n != 0 {
		t.Errorf("%d slots show the track before the transport is there", n)
	}
	guest.peer.config.Handler.State(rtc.Connected)
	guest.out.seat(pairOf(host.id, SeatNone, SeatLive, "vp8"), camera.send)
}

func TestSeatsGrow(t *testing.T) {
	host, guest, _, camera := studio(t)
	guest.see(Wish{Member: host.id, Source: room.SourceCamera}, Wish{Seat: 3, Member: host.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(host.id, SeatWaiting, SeatLive, "vp8"), camera.send)
	guest.offer(offerOf(1, 4))
	fourth := pairOf(host.id, SeatWaiting, SeatLive, "vp8")
	fourth.Seat = 3
	guest.out.seat(fourth, camera.send)
	if _, err := guest.Media().Offer(testContext(t), offerOf(1, 2)); err == nil {
		t.Error("seats shrink")
	} else {
		wantCode(t, err, room.CodeBadMessage)
	}
	now, _ := guest.out.seats()
	if _, told := now[1]; told || len(now) != 2 {
		t.Errorf("told %v: an empty seat is no news", now)
	}
}

func TestTrackEnds(t *testing.T) {
	host, guest, mic, camera := studio(t)
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(host.id, SeatLive, SeatLive, "vp8"), mic.send, camera.send)
	camera.Close()
	host.peer.config.Handler.Ended("camera", "", camera.Track)
	guest.out.seat(pairOf(host.id, SeatLive, SeatNone, ""))
	guest.out.wait("the end of the track", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && len(u.Member.Tracks) == 1 && u.Member.Tracks[0].Source == room.SourceMic
	})
}
