package local

import (
	"context"
	"errors"
	"sync"

	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/session"
	"veche.example/internal/sfu"
)

// ErrGone: the publisher or viewer is a member no longer.
var ErrGone = errors.New("local: no longer a member")

// Publisher is a member that gives media. Its methods may be called from any goroutine.
type Publisher struct {
	*member
	peer *source
}

// Publish joins a room as one who publishes; r.Agent is room.AgentStream unless it says otherwise. Errors are those of
// session.Manager.Join and Media.Offer; then there is no member.
func Publish(ctx context.Context, h Host, r session.JoinRequest) (*Publisher, error) {
	if r.Agent == "" {
		r.Agent = room.AgentStream
	}
	p := &Publisher{member: newMember()}
	if err := p.join(ctx, h, r); err != nil {
		return nil, err
	}
	o := session.Offer{PC: generation}
	for _, s := range sources {
		o.Tracks = append(o.Tracks, session.Section{MID: string(s), Source: s})
	}
	err := p.s.Media().Connect(ctx, o, func(c rtc.PeerConfig) (session.Peer, error) {
		p.peer = &source{handler: c.Handler, tracks: map[room.Source]*sfu.Track{}}
		return p.peer, nil
	})
	if err != nil {
		return nil, errors.Join(err, p.Close(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// sources are all that a member can publish; each is a section of its own name.
var sources = []room.Source{room.SourceMic, room.SourceCamera, room.SourceScreen, room.SourceScreenAudio}

// Track begins a track of a source, in place of the one before, which is closed. Whoever calls Write of it is one goroutine.
// The error is ErrGone, or tells that the codec is of another kind than the source.
func (p *Publisher) Track(s room.Source, c sfu.TrackConfig) (*sfu.Track, error) {
	if s.Kind() == "" || s.Kind() != c.Codec.Kind().String() {
		return nil, errors.New("local: the codec is of another kind than the source")
	}
	t := sfu.NewTrack(c)
	if !p.peer.put(s, t) {
		t.Close()
		return nil, ErrGone
	}
	return t, nil
}

// End ends the track of a source, if there is one.
func (p *Publisher) End(s room.Source) { p.peer.end(s) }

// source is the session.Peer of a publisher: always connected, nothing to negotiate.
type source struct {
	handler rtc.Handler

	mu     sync.Mutex // guards the following, and the order of what the handler is told
	tracks map[room.Source]*sfu.Track
	closed bool
}

// Offer implements session.Peer.
func (p *source) Offer(context.Context, rtc.Offer) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler.State(rtc.Connected)
	return "", nil
}

// Candidate implements session.Peer.
func (*source) Candidate(rtc.Candidate) error { return rtc.ErrCandidate }

// Slot implements session.Peer: nothing is received.
func (*source) Slot(string) *sfu.Slot { return nil }

// Close implements session.Peer.
func (p *source) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for s := range p.tracks {
		p.drop(s)
	}
	p.handler.State(rtc.Closed)
}

func (p *source) put(s room.Source, t *sfu.Track) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.drop(s)
	p.tracks[s] = t
	p.handler.Track(string(s), "", t)
	return true
}

func (p *source) end(s room.Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(s)
}

// drop ends a track, if there is one; mu is held.
func (p *source) drop(s room.Source) {
	t := p.tracks[s]
	if t == nil {
		return
	}
	delete(p.tracks, s)
	t.Close()
	p.handler.Ended(string(s), "", t)
}
