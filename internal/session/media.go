package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"veche.example/internal/hub"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
)

const (
	maxOld        = 4   // former connections that may be waiting to be closed
	maxCandidates = 256 // of a client after each of its offers (veche-v1 §3)
)

// Media is a session's media connection, of which there may be several generations one after the other. It
// outlives the client's socket and ends with the membership. Its methods may be called from any goroutine.
type Media struct {
	s    *Session
	wake chan struct{} // holds one: something has changed since the worker has looked

	talk sync.Mutex // one negotiation at a time; held around calls of the peer

	mu      sync.Mutex // guards the following; never held around calls of a peer, slot, outlet or the hub
	working bool       // there is a worker
	ended   bool       // it has ended, or never begins
	conn    *conn      // the newest, nil before the first offer
	old     []*conn    // to be closed
	wishes  []Wish     // replaced, never changed
	held    map[room.Source]bool

	// The following are the worker's.
	told    []room.Track // what the room knows of our tracks
	asks    map[room.Source]ask
	last    *conn // of the last look
	sharing sharing
}

func newMedia(s *Session) *Media {
	return &Media{s: s, wake: make(chan struct{}, 1), held: map[room.Source]bool{}, asks: map[room.Source]ask{}}
}

// kick makes the worker look again. It never waits.
func (m *Media) kick() {
	select {
	case m.wake <- struct{}{}:
	default: // it will anyway
	}
}

// Offer answers a client's description. The first, and each with a higher PC, makes a new connection, which
// replaces the one before; the same PC negotiates again. Errors are *room.Error, with CodeSDP
// for a description that cannot be applied, or that of ctx.
func (m *Media) Offer(ctx context.Context, o Offer) (answer string, err error) {
	audio, video, err := m.authorise(o)
	if err != nil {
		return "", err
	}
	m.talk.Lock()
	defer m.talk.Unlock()
	m.mu.Lock()
	c, old := m.conn, len(m.old)
	m.mu.Unlock()
	switch {
	case old >= maxOld:
		return "", &room.Error{Code: room.CodeOverloaded, Text: "too many connections, one after the other"}
	case c == nil || o.PC > c.pc:
		return m.begin(ctx, o, rtc.PeerConfig{Audio: audio, Video: video}, m.s.m.cfg.NewPeer)
	case o.PC < c.pc:
		return "", &room.Error{Code: room.CodeBadMessage, Text: fmt.Sprintf("pc: there is a newer connection, %d", c.pc)}
	case c.dead():
		return "", &room.Error{Code: CodeSDP, Text: "this connection is over: offer one with a higher pc"}
	}
	return c.negotiate(ctx, o)
}

// Connect gives a session without a client its connection: dial makes a Peer that is a part of this process, which
// publishes on the sections of o.Tracks and has the slots of o.Seats. It is called once. Errors are those of Offer.
func (m *Media) Connect(ctx context.Context, o Offer, dial func(rtc.PeerConfig) (Peer, error)) error {
	audio, video, err := m.authorise(o)
	if err != nil {
		return err
	}
	m.talk.Lock()
	defer m.talk.Unlock()
	_, err = m.begin(ctx, o, rtc.PeerConfig{Audio: audio, Video: video}, dial)
	return err
}

// begin makes a new generation.
func (m *Media) begin(ctx context.Context, o Offer, pc rtc.PeerConfig, dial func(rtc.PeerConfig) (Peer, error)) (string, error) {
	c := &conn{m: m, pc: o.PC}
	pc.ID, pc.Handler = m.s.who.Member+"/"+strconv.Itoa(o.PC), c
	peer, err := dial(pc)
	if err != nil {
		return "", wireError(err, room.CodeOverloaded)
	}
	c.peer = peer
	answer, err := c.negotiate(ctx, o)
	if err == nil {
		err = m.install(c)
	}
	if err != nil {
		peer.Close() // it never was of use
		return "", err
	}
	return answer, nil
}

// install makes c the connection and has the one before closed.
func (m *Media) install(c *conn) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return room.ErrEnded
	}
	if !m.working && !m.s.m.spawn(m.work) {
		return hub.ErrClosed
	}
	m.working = true
	if m.conn != nil {
		m.old = append(m.old, m.conn)
	}
	m.conn = c
	m.s.m.stats.peers.Add(1)
	m.kick()
	return nil
}

// authorise checks an offer against the table and returns the codecs of the room.
func (m *Media) authorise(o Offer) (audio, video []media.Codec, err error) {
	s := m.s
	s.mu.Lock()
	role, kind, direct := s.view.role, s.view.kind, s.view.direct
	names := slices.Concat(s.view.audio, s.view.video)
	s.mu.Unlock()
	needs := room.MsgOfferSubscribe
	if len(o.Tracks) > 0 {
		needs = room.MsgOfferPublish
	}
	if direct || !kind.Has(needs) || !room.Allowed(role, room.PhaseJoined, needs) {
		return nil, nil, &room.Error{Code: room.CodeNotAllowed, Text: "your role or this room does not permit " + needs.String()}
	}
	for _, name := range names {
		if c, ok := media.ParseCodec(name); ok && c.Kind() == media.Audio {
			audio = append(audio, c)
		} else if ok {
			video = append(video, c)
		}
	}
	return audio, video, m.check(o)
}

// check looks for what no client may say.
func (m *Media) check(o Offer) error {
	if limit := m.s.m.cfg.Seats; len(o.Seats) > limit {
		return &room.Error{Code: room.CodeBadMessage, Text: fmt.Sprintf("seats: more than %d", limit)}
	}
	seen := map[string]bool{}
	once := func(kind, name string) bool {
		key := kind + name
		ok := !seen[key]
		seen[key] = true
		return ok
	}
	for _, t := range o.Tracks {
		if t.MID == "" || t.Source.Kind() == "" || !once("mid ", t.MID) || !once("source ", string(t.Source)) {
			return &room.Error{Code: room.CodeBadMessage, Text: "tracks: a mid or source is missing, unknown or used twice"}
		}
	}
	for _, s := range o.Seats {
		for _, mid := range []string{s.Audio, s.Video} {
			if mid != "" && !once("mid ", mid) {
				return &room.Error{Code: room.CodeBadMessage, Text: "seats: a mid is used twice"}
			}
		}
	}
	return nil
}

// Candidate takes a client's candidate; one for a connection that was replaced is ignored.
func (m *Media) Candidate(_ context.Context, c Candidate) error {
	m.talk.Lock()
	defer m.talk.Unlock()
	m.mu.Lock()
	conn := m.conn
	m.mu.Unlock()
	if conn == nil || c.PC > conn.pc {
		return &room.Error{Code: room.CodeBadMessage, Text: "pc: there is no such connection yet"}
	}
	if c.PC < conn.pc || conn.dead() {
		return nil
	}
	if conn.candidates++; conn.candidates > maxCandidates {
		return &room.Error{Code: room.CodeBadMessage, Text: fmt.Sprintf("candidate: more than %d after an offer", maxCandidates)}
	}
	err := conn.peer.Candidate(rtc.Candidate{Line: c.Line, MID: c.MID, Index: c.Index, Fragment: c.Fragment})
	switch {
	case err == nil, errors.Is(err, rtc.ErrClosed):
		return nil
	case errors.Is(err, rtc.ErrCandidate):
		return &room.Error{Code: room.CodeBadMessage, Text: "candidate: " + err.Error()}
	}
	return wireError(err, room.CodeInternal)
}

// View says what the seats shall show from now on. It may come before the seats are there.
func (m *Media) View(_ context.Context, wishes []Wish) error {
	used := map[int]bool{}
	for _, w := range wishes {
		switch {
		case w.Seat < 0 || w.Seat >= m.s.m.cfg.Seats || used[w.Seat]:
			return &room.Error{Code: room.CodeBadMessage, Text: "seats: a number is too high or used twice"}
		case w.Source != room.SourceCamera && w.Source != room.SourceScreen:
			return &room.Error{Code: room.CodeBadMessage, Text: "seats: source must be camera or screen"}
		case w.Member == "":
			return &room.Error{Code: room.CodeBadMessage, Text: "seats: member is missing"}
		}
		used[w.Seat] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wishes = slices.Clone(wishes)
	m.kick()
	return nil
}

// ICEServers returns the ICE servers with fresh credentials.
func (m *Media) ICEServers(context.Context) ([]ICEServer, error) {
	return m.s.m.cfg.ICE(m.s.who.Member, m.s.req.Reach), nil
}

// hold keeps a source from being forwarded until its publisher wants it again.
func (m *Media) hold(source room.Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held[source] = true
	m.kick()
}

func (m *Media) release(source room.Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[source] {
		delete(m.held, source)
		m.kick()
	}
}

// reset makes way for a client that knows nothing of the connection: any PC is new then.
func (m *Media) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		m.old = append(m.old, m.conn)
	}
	m.conn, m.wishes = nil, nil
	m.kick()
}

// ends says that the session is over; true if a worker puts things in order.
func (m *Media) ends() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.working {
		m.ended = true
	}
	return m.working
}

// wireError gives an error that is not the client's own a code for it, and keeps the rest from it.
func wireError(err error, code room.Code) error {
	var known *room.Error
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, rtc.ErrSDP):
		return &room.Error{Code: CodeSDP, Text: err.Error()}
	case errors.Is(err, rtc.ErrClosed):
		return &room.Error{Code: CodeSDP, Text: "this connection is over: offer one with a higher pc"}
	}
	return &room.Error{Code: code, Text: "the media connection cannot be made: " + err.Error()}
}
