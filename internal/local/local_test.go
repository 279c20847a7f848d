package local

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"veche.example/internal/auth"
	"veche.example/internal/hub"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/session"
	"veche.example/internal/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHost(t *testing.T) (*session.Manager, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	keys, err := auth.NewKeys([]byte("a secret of thirty-two bytes ... "))
	if err != nil {
		t.Fatal(err)
	}
	h := hub.New(hub.Config{})
	m := session.New(session.Config{Hub: h, Keys: keys})
	t.Cleanup(func() {
		if err := errors.Join(m.Close(ctx), h.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return m, ctx
}

func publish(t *testing.T, ctx context.Context, m *session.Manager) *Publisher {
	t.Helper()
	p, err := Publish(ctx, m, session.JoinRequest{Room: "r", Name: "Camera", Kind: room.Broadcast, Trusted: room.Speaker})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// feed writes Opus packets to a track until the queue has one, and returns that.
func feed(t *testing.T, ctx context.Context, track *sfu.Track, q *Queue) Packet {
	t.Helper()
	for seq := uint16(1); ; seq++ {
		track.Write(&media.Packet{SSRC: 1, Seq: seq, Timestamp: uint32(seq) * 960, Payload: []byte{0xfc, 1, 2}, Level: -1, Arrival: media.Now()})
		select {
		case p := <-q.Chan():
			return p
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("nothing came")
		}
	}
}

// TestFlow: what a publisher gives comes out at a viewer, through the room.
func TestFlow(t *testing.T) {
	m, ctx := newHost(t)
	p := publish(t, ctx, m)
	q := NewQueue(64)
	seats := make(chan []session.Seat, 64)
	v, err := View(ctx, m, ViewConfig{
		Join: session.JoinRequest{Room: "r", Name: "HLS", Trusted: room.Viewer}, Seats: 1,
		Audio: func(int) sfu.Writer { return q }, Video: func(int) sfu.Writer { return NewQueue(1) },
		OnSeats: func(s []session.Seat) { seats <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Show(ctx, []session.Wish{{Member: session.First, Source: room.SourceCamera, Width: 1280, Height: 720}}); err != nil {
		t.Fatal(err)
	}
	track, err := p.Track(room.SourceMic, sfu.TrackConfig{ID: "mic", Codec: media.Opus})
	if err != nil {
		t.Fatal(err)
	}
	got := feed(t, ctx, track, q)
	if got.Codec != media.Opus || string(got.Payload) != "\xfc\x01\x02" {
		t.Errorf("%+v", got)
	}
	for live := false; !live; {
		select {
		case s := <-seats:
			live = s[0].Audio == session.SeatLive
		case <-ctx.Done():
			t.Fatal("the seat is never live")
		}
	}
	if audio, video := v.Slots(0); audio.Status() != sfu.Live || video.Status() != sfu.Empty {
		t.Error(audio.Status(), video.Status())
	}
	p.End(room.SourceMic)
	track.Write(&media.Packet{SSRC: 1, Seq: 9999, Payload: []byte{1}, Level: -1})
	if track.Stats().Unclaimed == 0 {
		t.Error("an ended track takes packets")
	}
	for _, c := range []interface{ Close(context.Context) error }{v, p, v} {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if v.Reason() != "left" || p.Reason() != "left" {
		t.Error(v.Reason(), p.Reason())
	}
}

// TestRemoved: a moderator ends a stream as anybody else's membership.
func TestRemoved(t *testing.T) {
	m, ctx := newHost(t)
	p := publish(t, ctx, m)
	boss, err := View(ctx, m, ViewConfig{
		Join: session.JoinRequest{Room: "r", Trusted: room.Moderator, Agent: room.AgentBot}, Seats: 1,
		Audio: func(int) sfu.Writer { return NewQueue(1) }, Video: func(int) sfu.Writer { return NewQueue(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boss.Session().Do(ctx, room.Remove{Member: p.Session().ID().Member}); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.Reason() != room.CodeRemoved {
		t.Error(p.Reason())
	}
	// The connection ends with the membership, a moment later.
	for {
		track, err := p.Track(room.SourceCamera, sfu.TrackConfig{Codec: media.VP8})
		if errors.Is(err, ErrGone) {
			break
		}
		if err != nil || ctx.Err() != nil {
			t.Fatal(err, ctx.Err())
		}
		track.Close()
		time.Sleep(time.Millisecond)
	}
	if err := boss.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestRefused: who may not come in leaves nothing behind.
func TestRefused(t *testing.T) {
	m, ctx := newHost(t)
	if _, err := Publish(ctx, m, session.JoinRequest{Room: "r", Name: "nobody"}); err == nil {
		t.Error("joined without a token")
	}
	if _, err := Publish(ctx, m, session.JoinRequest{Room: "r", Trusted: room.Viewer}); err == nil {
		t.Error("a viewer publishes")
	}
	p := publish(t, ctx, m)
	if _, err := p.Track(room.SourceMic, sfu.TrackConfig{Codec: media.VP8}); err == nil {
		t.Error("video from a microphone")
	}
	if m.Stats().Sessions != 1 {
		t.Error(m.Stats())
	}
	if err := p.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestQueue: a slow reader costs packets, never time.
func TestQueue(t *testing.T) {
	q := NewQueue(1)
	s := sfu.NewSlot(media.Audio, q)
	defer s.Close()
	var b sfu.Binding
	b.SSRC, b.Payload[media.Opus] = 1, sfu.Payload{Negotiated: true, Type: payloadBase + uint8(media.Opus)}
	s.Bind(b)
	track := sfu.NewTrack(sfu.TrackConfig{Codec: media.Opus})
	defer track.Close()
	if err := s.Show(track); err != nil {
		t.Fatal(err)
	}
	for i := range uint16(3) {
		track.Write(&media.Packet{SSRC: 1, Seq: i, Payload: []byte{1}, Level: -1})
	}
	if q.Lost() != 2 {
		t.Error("lost", q.Lost())
	}
	if p, err := q.Read(context.Background()); err != nil || p.Codec != media.Opus {
		t.Error(p, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := q.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, pt := range []uint8{0, 63, 127} {
		if c, ok := CodecOf(pt); ok {
			t.Error(pt, c)
		}
	}
}
