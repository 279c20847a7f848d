package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"veche.example/internal/auth"
	"veche.example/internal/hub"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/sfu"
)

// patience is how long a test waits for something that must happen.
const patience = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// house is a Manager with a real hub and fake peers.
type house struct {
	*Manager
	t       testing.TB
	hub     *hub.Hub
	peers   chan *fakePeer
	revoked chan room.MemberID
}

func newHouse(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	keys, err := auth.NewKeys([]byte("a secret of thirty-two bytes ... "))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, hub: hub.New(hub.Config{}), peers: make(chan *fakePeer, 64), revoked: make(chan room.MemberID, 1024)}
	c := Config{
		Hub: h.hub, Keys: keys,
		NewPeer: func(c rtc.PeerConfig) (Peer, error) {
			p := &fakePeer{config: c, slots: map[string]*sfu.Slot{}, sinks: map[string]*sink{}}
			h.peers <- p
			return p, nil
		},
		ICE: func(m room.MemberID, r Reach) []ICEServer {
			return []ICEServer{{URLs: []string{"turn:" + r.Host}, Username: m}}
		},
		Revoke: func(m room.MemberID) { h.revoked <- m },
		Room:   func(JoinRequest) room.Options { return room.Options{Open: true} },
	}
	for _, f := range change {
		f(&c)
	}
	h.Manager = New(c)
	t.Cleanup(func() { h.close() })
	return h
}

func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(h.hub.Close(ctx), h.Manager.Close(ctx)); err != nil {
		h.t.Errorf("close: %v", err)
	}
}

// person is a session, its outlet and the last peer.
type person struct {
	*Session
	t    testing.TB
	h    *house
	out  *outlet
	peer *fakePeer
	w    Welcome
	id   room.MemberID
}

// on is a member that sends everything.
var on = room.State{Mic: true, Camera: true, Screen: true}

func (h *house) join(r JoinRequest) *person {
	h.t.Helper()
	if r.Room == "" {
		r.Room = "r"
	}
	p := &person{t: h.t, h: h, out: newOutlet(h.t)}
	var err error
	p.Session, p.w, err = h.Join(testContext(h.t), r, p.out)
	if err != nil {
		h.t.Fatalf("join: %v", err)
	}
	p.id = p.w.Snapshot.You.ID
	return p
}

// refuse is a join that must fail with this code.
func (h *house) refuse(r JoinRequest, code room.Code) {
	h.t.Helper()
	_, _, err := h.Join(testContext(h.t), r, newOutlet(h.t))
	wantCode(h.t, err, code)
}

func wantCode(t testing.TB, err error, code room.Code) {
	t.Helper()
	var e *room.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

// offerOf is an offer with sections for these sources and a number of seats.
func offerOf(pc, seats int, sources ...room.Source) Offer {
	o := Offer{PC: pc, SDP: "offer"}
	for _, s := range sources {
		o.Tracks = append(o.Tracks, Section{MID: string(s), Source: s})
	}
	for i := range seats {
		o.Seats = append(o.Seats, SeatPair{Audio: fmt.Sprint("a", i), Video: fmt.Sprint("v", i)})
	}
	return o
}

// connect offers and has the transport come up.
func (p *person) connect(o Offer) *person {
	p.t.Helper()
	p.offer(o)
	p.peer.config.Handler.State(rtc.Connected)
	p.out.media(o.PC, MediaConnected)
	return p
}

func (p *person) offer(o Offer) {
	p.t.Helper()
	if _, err := p.Media().Offer(testContext(p.t), o); err != nil {
		p.t.Fatalf("offer: %v", err)
	}
	select {
	case p.peer = <-p.h.peers:
	default: // negotiated again
	}
}

func (p *person) do(c room.Command) {
	p.t.Helper()
	if _, err := p.Do(testContext(p.t), c); err != nil {
		p.t.Fatalf("%s: %v", c.Message(), err)
	}
}

func (p *person) see(wishes ...Wish) {
	p.t.Helper()
	if err := p.Media().View(testContext(p.t), wishes); err != nil {
		p.t.Fatalf("view: %v", err)
	}
}

// publish begins to send a source.
func (p *person) publish(source room.Source, c media.Codec) *publisher {
	t := newPublisher(c)
	p.peer.config.Handler.Track(string(source), "", t.Track)
	return t
}

// publisher is a real track with a source of packets.
type publisher struct {
	*sfu.Track
	mu sync.Mutex
	at int
}

func newPublisher(c media.Codec) *publisher {
	return &publisher{Track: sfu.NewTrack(sfu.TrackConfig{ID: c.Name(), Codec: c})}
}

// keyFrame is what the packets of a codec carry: as little as it takes for a key frame.
var keyFrame = map[media.Codec][]byte{
	media.Opus: {0xfc, 0xff, 0xfe}, media.PCMU: {0xff, 0xff},
	media.VP8: {0x10, 0, 0, 0, 0x9d, 0x01, 0x2a}, media.VP9: {0x08, 0, 0}, media.H264: {24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce},
}

// send sends a packet: a key frame, or sound.
func (p *publisher) send() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at++
	p.Write(&media.Packet{
		SSRC: 1, Seq: uint16(p.at), Timestamp: uint32(p.at) * 3000, Marker: true, Level: -1, Arrival: media.Now(),
		Payload: keyFrame[p.Codec()],
	})
}

// sink counts what a slot sends.
type sink struct {
	mu sync.Mutex
	n  int
	ts uint32
}

func (k *sink) WriteRTP(h *rtp.Header, _ []byte, _ sfu.Way) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	k.ts = h.Timestamp
	return nil
}

func (k *sink) count() (n int, ts uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n, k.ts
}

// fakePeer has real slots; a test calls its handler.
type fakePeer struct {
	config rtc.PeerConfig

	mu         sync.Mutex // guards the following
	offers     []rtc.Offer
	candidates []rtc.Candidate
	slots      map[string]*sfu.Slot
	sinks      map[string]*sink
	codecs     []media.Codec // of new slots; nil = all
	fail       error         // of the next calls
	closed     int
}

func (p *fakePeer) Offer(_ context.Context, o rtc.Offer) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offers = append(p.offers, o)
	if p.fail != nil {
		return "", p.fail
	}
	for _, mid := range o.Receive {
		if p.slots[mid] == nil {
			p.slots[mid], p.sinks[mid] = newSlot(mid, p.codecs)
		}
	}
	return "answer", nil
}

// newSlot makes a slot whose section has these codecs, none = all.
func newSlot(mid string, codecs []media.Codec) (*sfu.Slot, *sink) {
	kind := media.Video
	if mid[0] == 'a' {
		kind = media.Audio
	}
	k := &sink{}
	s := sfu.NewSlot(kind, k)
	b := sfu.Binding{SSRC: 7}
	if codecs == nil {
		codecs = media.Codecs(kind)
	}
	for _, c := range codecs {
		b.Payload[c] = sfu.Payload{Negotiated: true, Type: 96 + uint8(c)}
	}
	s.Bind(b)
	return s, k
}

func (p *fakePeer) Candidate(c rtc.Candidate) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.candidates = append(p.candidates, c)
	return p.fail
}

func (p *fakePeer) Slot(mid string) *sfu.Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slots[mid]
}

func (p *fakePeer) sink(mid string) *sink {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sinks[mid]
}

func (p *fakePeer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	for _, s := range p.slots {
		s.Close()
	}
}

func (p *fakePeer) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed > 0
}

// outlet remembers what it is told. Its methods fail the test when they are called after the last event.
type outlet struct {
	t    testing.TB
	full atomic.Pointer[func(any) bool] // called with what is told; true: takes no more

	mu    sync.Mutex // guards the following
	all   []any      // room.Event, []Seat, mediaTold
	news  chan struct{}
	ended bool
}

type mediaTold struct {
	pc    int
	state MediaState
}

func newOutlet(t testing.TB) *outlet { return &outlet{t: t, news: make(chan struct{})} }

// refuse makes the outlet call f with what it is told from now on.
func (o *outlet) refuse(f func(any) bool) { o.full.Store(&f) }

func (o *outlet) take(v any) bool {
	if f := o.full.Load(); f != nil && (*f)(v) {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		o.t.Errorf("told after the end: %#v", v)
	}
	_, o.ended = v.(room.Removed)
	o.all = append(o.all, v)
	close(o.news)
	o.news = make(chan struct{})
	return true
}

func (o *outlet) Room(e room.Event) bool          { return o.take(e) }
func (o *outlet) Seats(s []Seat) bool             { return o.take(s) }
func (o *outlet) Media(pc int, s MediaState) bool { return o.take(mediaTold{pc, s}) }

// resumeTold is a new resume token.
type resumeTold struct{ token string }

func (o *outlet) Notice(n Notice) bool {
	if r, ok := n.(Resume); ok {
		return o.take(resumeTold{r.Token})
	}
	return o.take(n)
}

// renewed waits for the n-th new resume token and returns it.
func (o *outlet) renewed(n int) (token string) {
	o.t.Helper()
	o.wait("a new resume token", func(got any) bool {
		r, ok := got.(resumeTold)
		if ok {
			n--
		}
		token = r.token
		return ok && n == 0
	})
	return token
}

func (o *outlet) media(pc int, state MediaState) {
	o.t.Helper()
	o.until(mediaTold{pc, state}, sameTold)
}
func (o *outlet) removed(code room.Code) { o.t.Helper(); o.until(code, sameCode) }
func sameTold(want, got any) bool        { return want == got }
func sameCode(want, got any) bool        { r, ok := got.(room.Removed); return ok && r.Code == want }
func (o *outlet) wait(what string, f func(any) bool) {
	o.t.Helper()
	o.until(what, func(_, got any) bool { return f(got) })
}

// until waits for something to be told.
func (o *outlet) until(want any, same func(want, got any) bool) {
	o.t.Helper()
	seen := 0
	timeout := time.After(patience)
	for {
		o.mu.Lock()
		all, news := o.all, o.news
		o.mu.Unlock()
		for ; seen < len(all); seen++ {
			if same(want, all[seen]) {
				return
			}
		}
		select {
		case <-news:
		case <-timeout:
			o.t.Fatalf("never told: %v; told %v", want, all)
		}
	}
}

// seats returns the seats as told so far, and a channel that is closed when more is told.
func (o *outlet) seats() (map[int]Seat, chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := map[int]Seat{}
	for _, v := range o.all {
		list, _ := v.([]Seat)
		for _, s := range list {
			if s.RTP == nil {
				s.RTP = now[s.Seat].RTP
			}
			now[s.Seat] = s
		}
	}
	return now, o.news
}

// seat waits until a seat is told as wanted; RTP is not compared, Layer and Why only if some are wanted. each is called meanwhile.
func (o *outlet) seat(want Seat, each ...func()) Seat {
	o.t.Helper()
	timeout := time.After(patience)
	for {
		now, news := o.seats()
		got := now[want.Seat]
		plain := got
		plain.RTP = nil
		if want.Layer == (Layer{}) {
			plain.Layer = Layer{}
		}
		if want.Why == "" {
			plain.Why = ""
		}
		if plain == want {
			return got
		}
		for _, f := range each {
			f()
		}
		var tick <-chan time.Time
		if len(each) > 0 {
			tick = time.After(time.Millisecond)
		}
		select {
		case <-news:
		case <-tick:
		case <-timeout:
			o.t.Fatalf("seat is %+v, want %+v", got, want)
		}
	}
}

// eventually waits for something that nobody tells of.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
