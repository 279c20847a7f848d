package local

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/session"
	"veche.example/internal/sfu"
)

// tick is how often slots renew their requests for key frames (sfu.Slot.Tick).
const tick = 150 * time.Millisecond

// payloadBase is the payload type of codec 0 towards viewers; it means nothing outside of this package.
const payloadBase = 64

// Viewer is a member that takes media, by seats that show whom it likes (veche-v1 §5). Its methods may be called from
// any goroutine.
type Viewer struct {
	*member
	peer *sink
}

// ViewConfig configures a Viewer.
type ViewConfig struct {
	Join  session.JoinRequest // Agent "" = room.AgentOutput
	Seats int                 // at least 1
	// Audio and Video make the writers of a seat's two halves. Writers are called by the packet path: see sfu.Writer
	// and Queue.
	Audio, Video func(seat int) sfu.Writer
	// OnSeats is told what seats show; it must not block. nil = not told.
	OnSeats func([]session.Seat)
	// OnRoom is told what happens in the room; it must not block. nil = not told.
	OnRoom func(room.Event)
}

// View joins a room as one who watches. Errors are those of session.Manager.Join and Media.Offer; then there is no member.
func View(ctx context.Context, h Host, c ViewConfig) (*Viewer, error) {
	if c.Join.Agent == "" {
		c.Join.Agent = room.AgentOutput
	}
	v := &Viewer{member: newMember()}
	v.onSeats, v.onRoom = c.OnSeats, c.OnRoom
	if err := v.join(ctx, h, c.Join); err != nil {
		return nil, err
	}
	o := session.Offer{PC: generation}
	for i := range c.Seats {
		o.Seats = append(o.Seats, session.SeatPair{Audio: fmt.Sprintf("a%d", i), Video: fmt.Sprintf("v%d", i)})
	}
	err := v.s.Media().Connect(ctx, o, func(pc rtc.PeerConfig) (session.Peer, error) {
		v.peer = newSink(c, pc)
		return v.peer, nil
	})
	if err != nil {
		return nil, errors.Join(err, v.Close(context.WithoutCancel(ctx)))
	}
	return v, nil
}

// Show says what the seats shall show from now on (session.Media.View).
func (v *Viewer) Show(ctx context.Context, wishes []session.Wish) error {
	return v.s.Media().View(ctx, wishes)
}

// Slots are the two halves of a seat: for key frames (HandleRTCP) and the mapping of timestamps to the clock
// (SenderReport).
func (v *Viewer) Slots(seat int) (audio, video *sfu.Slot) {
	return v.peer.Slot(fmt.Sprintf("a%d", seat)), v.peer.Slot(fmt.Sprintf("v%d", seat))
}

// KeyFrame asks whoever a seat shows for a key frame.
func (v *Viewer) KeyFrame(seat int) {
	if _, video := v.Slots(seat); video != nil {
		video.HandleRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(2*seat + 2)}})
	}
}

// CodecOf is the codec of a payload type that a viewer's writer gets; false for any other.
func CodecOf(payloadType uint8) (media.Codec, bool) {
	if payloadType < payloadBase {
		return 0, false
	}
	c := media.Codec(payloadType - payloadBase)
	return c, c.Valid()
}

// sink is the session.Peer of a viewer.
type sink struct {
	handler rtc.Handler
	slots   map[string]*sfu.Slot

	once sync.Once
	stop chan struct{}
	done chan struct{} // closed when its goroutine has ended
}

func newSink(c ViewConfig, pc rtc.PeerConfig) *sink {
	p := &sink{handler: pc.Handler, slots: map[string]*sfu.Slot{}, stop: make(chan struct{}), done: make(chan struct{})}
	for i := range c.Seats {
		p.add(fmt.Sprintf("a%d", i), sfu.NewSlot(media.Audio, c.Audio(i)))
		p.add(fmt.Sprintf("v%d", i), sfu.NewSlot(media.Video, c.Video(i)))
	}
	go p.run()
	return p
}

// add opens a slot that takes every codec.
func (p *sink) add(mid string, s *sfu.Slot) {
	b := sfu.Binding{SSRC: uint32(len(p.slots)) + 1}
	for _, c := range media.Codecs(s.Kind()) {
		b.Payload[c] = sfu.Payload{Negotiated: true, Type: payloadBase + uint8(c)}
	}
	s.Bind(b)
	p.slots[mid] = s
}

// run is the clock of the slots.
func (p *sink) run() {
	defer close(p.done)
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			now := media.Now()
			for _, s := range p.slots {
				s.Tick(now)
			}
		}
	}
}

// Offer implements session.Peer.
func (p *sink) Offer(context.Context, rtc.Offer) (string, error) {
	p.handler.State(rtc.Connected)
	return "", nil
}

// Candidate implements session.Peer.
func (*sink) Candidate(rtc.Candidate) error { return rtc.ErrCandidate }

// Slot implements session.Peer.
func (p *sink) Slot(mid string) *sfu.Slot { return p.slots[mid] }

// Close implements session.Peer.
func (p *sink) Close() {
	p.once.Do(func() {
		close(p.stop)
		for _, s := range p.slots {
			s.Close()
		}
		p.handler.State(rtc.Closed)
	})
	<-p.done
}
