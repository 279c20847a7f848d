package native

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"veche.example/internal/hub"
	"veche.example/internal/room"
)

// fakeLobby makes fakePeople. Its hooks may be nil.
type fakeLobby struct {
	onJoin func(ctx context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error)

	mu     sync.Mutex
	people []*fakePerson
	fresh  chan *fakePerson
}

func newFakeLobby() *fakeLobby { return &fakeLobby{fresh: make(chan *fakePerson, 256)} }

// Resume implements Lobby: the token of a member is "resume:" and its id.
func (f *fakeLobby) Resume(token, name string) (Who, bool) {
	id, ok := strings.CutPrefix(token, "resume:")
	return Who{Room: name, Member: id}, ok
}

// Join implements Lobby. Members are called m1, m2 …; the name of the hello is the role to have,
// and the kind and the rest go into the snapshot.
func (f *fakeLobby) Join(ctx context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error) {
	if f.onJoin != nil {
		return f.onJoin(ctx, r, out)
	}
	return f.join(r, out)
}

func (f *fakeLobby) join(r JoinRequest, out Outlet) (*fakePerson, Welcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	who, restored := f.Resume(r.Resume, r.Room)
	if !restored {
		who = Who{Room: r.Room, Member: "m" + string(rune('1'+len(f.people)))}
	}
	role, ok := room.ParseRole(r.Name)
	if !ok {
		role = room.Moderator
	}
	p := &fakePerson{
		who: who, out: out, request: r, did: make(chan room.Command, 4096), media: &fakeMedia{},
		attached: make(chan struct{}, 64), detached: make(chan bool, 64),
		snapshot: room.Snapshot{
			ID: r.Room, Kind: r.Kind, Epoch: 1, Video: []string{"vp8"}, Audio: []string{"opus"},
			You: room.Member{ID: who.Member, Name: r.Name, Role: role, Agent: room.AgentWeb, Connected: true},
			May: room.May(role),
		},
	}
	f.people = append(f.people, p)
	f.fresh <- p
	return p, p.welcome(restored), nil
}

// fakePerson is a Participant that a test scripts.
type fakePerson struct {
	who      Who
	out      Outlet
	request  JoinRequest
	snapshot room.Snapshot
	media    *fakeMedia
	did      chan room.Command
	attached chan struct{}
	detached chan bool
	onDo     func(ctx context.Context, c room.Command) (room.Reply, error)
	onAttach func(ctx context.Context) error
}

func (p *fakePerson) welcome(restored bool) Welcome {
	return Welcome{Snapshot: p.snapshot, Resume: "resume:" + p.who.Member, Restored: restored}
}

// Do implements Participant.
func (p *fakePerson) Do(ctx context.Context, c room.Command) (room.Reply, error) {
	p.did <- c
	if p.onDo != nil {
		return p.onDo(ctx, c)
	}
	if _, ok := c.(room.Leave); ok {
		p.out.Room(room.Removed{Code: room.CodeLeft})
	}
	return room.Reply{}, nil
}

// Attach implements Participant.
func (p *fakePerson) Attach(ctx context.Context) (Welcome, error) {
	if p.onAttach != nil {
		if err := p.onAttach(ctx); err != nil {
			return Welcome{}, err
		}
	}
	p.attached <- struct{}{}
	return p.welcome(false), nil
}

// Detach implements Participant.
func (p *fakePerson) Detach(reload bool) { p.detached <- reload }

// Media implements Participant.
func (p *fakePerson) Media() Media { return p.media }

// fakeMedia remembers what it was asked for.
type fakeMedia struct {
	offer     Offer
	candidate Candidate
	view      []Wish
	err       error
}

func (m *fakeMedia) Offer(_ context.Context, o Offer) (string, error) {
	m.offer = o
	return "answer to " + o.SDP, m.err
}

func (m *fakeMedia) Candidate(_ context.Context, c Candidate) error {
	m.candidate = c
	return m.err
}

func (m *fakeMedia) View(_ context.Context, w []Wish) error {
	m.view = w
	return m.err
}

func (m *fakeMedia) ICEServers(context.Context) ([]ICEServer, error) {
	return []ICEServer{{URLs: []string{"turn:192.0.2.1:7788"}, Username: "u", Credential: "c"}}, m.err
}

// hubLobby is a Lobby over real rooms, without tokens and media: what passes the wire is judged by
// the room itself.
type hubLobby struct {
	hub     *hub.Hub
	options room.Options

	mu     sync.Mutex
	tokens map[string]resumable
}

type resumable struct {
	who  Who
	role room.Role
	name string
}

func newHubLobby(t testing.TB, o room.Options) *hubLobby {
	t.Helper()
	l := &hubLobby{hub: hub.New(hub.Config{}), options: o, tokens: map[string]resumable{}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := l.hub.Close(ctx); err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	return l
}

func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Resume implements Lobby.
func (l *hubLobby) Resume(token, name string) (Who, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.tokens[token]
	return r.who, ok && r.who.Room == name
}

func (l *hubLobby) token(s room.Snapshot) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := secret()
	l.tokens[t] = resumable{Who{Room: s.ID, Member: s.You.ID}, s.You.Role, s.You.Name}
	return t
}

// Join implements Lobby.
func (l *hubLobby) Join(ctx context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error) {
	o := l.options
	o.Open, o.Kind = true, r.Kind
	j := room.Join{ID: secret(), Name: r.Name, Agent: r.Agent, Viewer: r.Viewer, State: r.State, Decode: r.Decode, Encode: r.Encode}
	l.mu.Lock()
	if old, ok := l.tokens[r.Resume]; ok && old.who.Room == r.Room {
		j.ID, j.Role, j.Name, j.Restored = old.who.Member, old.role, old.name, true
	}
	l.mu.Unlock()
	s, err := l.hub.Join(ctx, r.Room, o, j, box{out})
	if err != nil {
		return nil, Welcome{}, err
	}
	return &hubPerson{l, Who{Room: s.ID, Member: s.You.ID}}, Welcome{Snapshot: s, Resume: l.token(s), Restored: j.Restored}, nil
}

type box struct{ out Outlet }

// Deliver implements hub.Receiver.
func (b box) Deliver(e room.Event) bool { return b.out.Room(e) }

type hubPerson struct {
	l   *hubLobby
	who Who
}

func (p *hubPerson) Do(ctx context.Context, c room.Command) (room.Reply, error) {
	return p.l.hub.Do(ctx, p.who.Room, p.who.Member, c)
}

func (p *hubPerson) Attach(ctx context.Context) (Welcome, error) {
	s, err := p.l.hub.Attach(ctx, p.who.Room, p.who.Member, nil)
	if err != nil {
		return Welcome{}, err
	}
	return Welcome{Snapshot: s, Resume: p.l.token(s)}, nil
}

func (p *hubPerson) Detach(reload bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = p.Do(ctx, room.Detach{Reload: reload})
}

func (p *hubPerson) Media() Media { return &fakeMedia{} }
