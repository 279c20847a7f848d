package whip

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 15 * time.Second

// fakeLobby makes fakePeople; its hooks may be nil.
type fakeLobby struct {
	onJoin  func(ctx context.Context, r session.JoinRequest, out session.Outlet) error
	onOffer func(ctx context.Context, o session.Offer) (string, error)
	onDo    func(ctx context.Context, c room.Command) error
	onView  func() error
	servers []session.ICEServer

	mu     sync.Mutex
	people []*fakePerson
}

const answerSDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:SRV1\r\na=ice-pwd:SRVPWDSRVPWDSRVPWDSRV1\r\n" +
	"a=fingerprint:sha-256 AA\r\na=candidate:1 1 udp 1 192.0.2.1 7788 typ host\r\na=end-of-candidates\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:SRV1\r\na=ice-pwd:SRVPWDSRVPWDSRVPWDSRV1\r\n"

// Join implements Lobby.
func (l *fakeLobby) Join(ctx context.Context, r session.JoinRequest, out session.Outlet) (Participant, session.Welcome, error) {
	if l.onJoin != nil {
		if err := l.onJoin(ctx, r, out); err != nil {
			return nil, session.Welcome{}, err
		}
	}
	p := &fakePerson{l: l, request: r, out: out}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people = append(l.people, p)
	return p, session.Welcome{ICEServers: l.servers}, nil
}

// Live implements Lobby: somebody publishes while there is a person who offers tracks.
func (l *fakeLobby) Live(string) (exists, live bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.people {
		s := p.snapshot()
		exists = exists || s.left == 0
		live = live || s.left == 0 && len(s.offers) > 0 && len(s.offers[0].Tracks) > 0
	}
	return exists, live
}

// Watching implements Lobby.
func (l *fakeLobby) Watching(string) int { return l.present() }

// last is the person who joined last.
func (l *fakeLobby) last() *fakePerson {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.people[len(l.people)-1]
}

// present counts those who have not left.
func (l *fakeLobby) present() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.people {
		if p.snapshot().left == 0 {
			n++
		}
	}
	return n
}

// fakePerson remembers what it was told.
type fakePerson struct {
	l       *fakeLobby
	request session.JoinRequest
	out     session.Outlet

	mu    sync.Mutex // guards the following
	busy  bool       // a method runs
	sends bool       // packets come
	seen  seen
}

type seen struct {
	offers     []session.Offer
	candidates []session.Candidate
	view       []session.Wish
	left       int
	packets    uint64
	offered    []session.Offered
}

func (p *fakePerson) snapshot() seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// alone proves that the methods are called one at a time.
func (p *fakePerson) alone(f func()) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		panic("two calls of one participant at once")
	}
	p.busy = true
	f()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy = false
	}
}

// Do implements Participant.
func (p *fakePerson) Do(ctx context.Context, c room.Command) (room.Reply, error) {
	defer p.alone(func() {})()
	if p.l.onDo != nil {
		if err := p.l.onDo(ctx, c); err != nil {
			return room.Reply{}, err
		}
	}
	if _, ok := c.(room.Leave); ok {
		p.mu.Lock()
		p.seen.left++
		p.mu.Unlock()
		p.out.Media(generation, session.MediaClosed)
		p.out.Room(room.Removed{Code: room.CodeLeft})
	}
	return room.Reply{}, nil
}

// Media and Facts implement Participant.
func (p *fakePerson) Media() Media { return p }
func (p *fakePerson) Facts() Facts { return p }

// Received implements Facts.
func (p *fakePerson) Received() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sends {
		p.seen.packets++
	}
	return p.seen.packets
}

// Offered implements Facts.
func (p *fakePerson) Offered(room.MemberID, room.Source) []session.Offered {
	return p.snapshot().offered
}

// Offer implements Media.
func (p *fakePerson) Offer(ctx context.Context, o session.Offer) (string, error) {
	defer p.alone(func() { p.seen.offers = append(p.seen.offers, o) })()
	if p.l.onOffer != nil {
		return p.l.onOffer(ctx, o)
	}
	return answerSDP, nil
}

// Candidate implements Media.
func (p *fakePerson) Candidate(_ context.Context, c session.Candidate) error {
	defer p.alone(func() { p.seen.candidates = append(p.seen.candidates, c) })()
	if strings.Contains(c.Line, "nonsense") {
		return &room.Error{Code: room.CodeBadMessage, Text: "candidate: nonsense"}
	}
	return nil
}

// View implements Media.
func (p *fakePerson) View(_ context.Context, w []session.Wish) error {
	defer p.alone(func() { p.seen.view = w })()
	if p.l.onView != nil {
		return p.l.onView()
	}
	return nil
}

// lab is an adapter on a real port.
type lab struct {
	t   testing.TB
	a   *Adapter
	web *httptest.Server
}

func newLab(t testing.TB, c Config) *lab {
	t.Helper()
	l := &lab{t: t, a: New(c)}
	l.web = httptest.NewServer(l.a)
	t.Cleanup(func() {
		l.close()
		l.web.Close()
	})
	return l
}

func (l *lab) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.a.Close(ctx); err != nil {
		l.t.Errorf("Close: %v", err)
	}
}

// reply is an answered request.
type reply struct {
	*http.Response
	body string
}

// do sends a request; header is "Name: value" lines.
func (l *lab) do(method, path, body string, header ...string) reply {
	l.t.Helper()
	r, err := http.NewRequest(method, l.web.URL+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	resp, err := l.web.Client().Do(r)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return reply{resp, string(data)}
}

const (
	typeOffer    = "Content-Type: application/sdp"
	typeFragment = "Content-Type: application/trickle-ice-sdpfrag"
)

// begin makes a session.
func (l *lab) begin(path, offer string) reply {
	l.t.Helper()
	r := l.do("POST", path, offer, typeOffer)
	if r.StatusCode != http.StatusCreated {
		l.t.Fatalf("POST %s: %d %s", path, r.StatusCode, r.body)
	}
	return r
}

func (r reply) want(t testing.TB, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("%s %s: %d %s, want %d", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.body, status)
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

const (
	clientUfrag = "cliU"
	clientPwd   = "clientpwdclientpwdclie"
)

// media is a section of an offer, such as "audio sendonly 0".
func media(what string) string {
	f := strings.Fields(what)
	codecs := map[string]string{"audio": "111 0\r\na=rtpmap:111 opus/48000/2", "video": "96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000"}[f[0]]
	if codecs == "" {
		codecs = "webrtc-datachannel"
	}
	return fmt.Sprintf("m=%s 9 UDP/TLS/RTP/SAVPF %s\r\na=mid:%s\r\na=%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=candidate:1 1 udp 1 192.0.2.9 5 typ host\r\n",
		f[0], codecs, f[2], f[1], clientUfrag, clientPwd)
}

// offer is a description with these sections.
func offer(sections ...string) string {
	s := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
	for _, m := range sections {
		s += media(m)
	}
	return s
}

var (
	publish = offer("audio sendonly 0", "video sendonly 1")
	play    = offer("audio recvonly 0", "video recvonly 1")
)
