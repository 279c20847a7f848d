package rtc

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"

	"veche.example/internal/media"
	"veche.example/internal/rtc/lite"
	"veche.example/internal/rtc/sdp"
	"veche.example/internal/rtc/seal"
	"veche.example/internal/udp"
)

const (
	maxPaths   = 32             // remote addresses of one client
	maxStreams = 8              // TCP connections of one client
	quiet      = int64(15e8)    // a path that was not heard for so long gives way to any other
	settled    = int64(5e9)     // a client that nominates another path so long after a change has moved
	straggle   = int64(200e6)   // packets may come by the old path after the first by the new one
	overlap    = int64(3e9)     // how long the old path goes on after an ICE restart
	bufferSize = seal.MaxPacket // for one datagram
)

// iceSide is the ICE-lite half of a peer (RFC 8445 §2.5): it answers connectivity checks and sends where the client
// has nominated.
type iceSide struct {
	selected atomic.Pointer[path]
	heard    atomic.Int64 // when the client was last heard, by any path
	away     lite.Absence // belongs to tick

	mu       sync.Mutex // guards the following
	current  *generation
	former   []*generation // before ICE restarts
	switched int64         // when the current generation took over
}

// generation is one set of ICE credentials: an ICE restart makes a new one, beside which the old one
// lives until the client has moved.
type generation struct {
	*lite.Agent
	p       *Peer
	number  int
	handles []io.Closer // ours on the UDP port

	mu      sync.Mutex // guards the following
	streams map[*lite.Conn]struct{}
	closed  bool
}

// path is a remote address that has passed a connectivity check.
type path struct {
	gen    *generation
	remote netip.AddrPort
	out    sender
	target *udp.Target // by which batches send to it; nil for TCP
	tcp    bool
	prio   uint64       // of the candidate pair; guarded by iceSide.mu
	picked bool         // nominated; guarded by iceSide.mu
	heard  atomic.Int64 // anything
	media  atomic.Int64 // SRTP
}

// local is the type preference of our side's candidate.
func (pa *path) local() uint32 {
	if pa.tcp {
		return sdp.PreferTCP
	}
	return sdp.PreferUDP
}

// sender sends one datagram without blocking.
type sender interface {
	Send(b []byte, to netip.AddrPort) error
}

// newGeneration makes credentials and opens the UDP port for them; nothing is read yet.
func newGeneration(p *Peer, number int, remote sdp.Transport) *generation {
	return &generation{Agent: lite.New(remote.Ufrag), p: p, number: number, streams: make(map[*lite.Conn]struct{})}
}

// start takes what arrives on the UDP port, in each address family, and TCP. The peer's mu is held.
func (g *generation) start() error {
	port := g.p.engine.cfg.UDP
	var done [2]bool
	var first error
	for _, a := range port.GetListenAddresses() {
		u, ok := a.(*net.UDPAddr)
		if !ok {
			continue
		}
		family := 0
		if u.AddrPort().Addr().Unmap().Is6() {
			family = 1
		}
		if done[family] {
			continue
		}
		done[family] = true
		e := newEdge(g)
		end, err := port.Attach(g.Ufrag, family == 1, e)
		if err != nil {
			first = errors.Join(first, err)
			continue
		}
		e.end.Store(end)
		g.handles = append(g.handles, end)
	}
	g.p.engine.tcp.register(g)
	if len(g.handles) == 0 && first != nil {
		return first
	}
	return nil
}

// checked is told of each valid check: it decides where the peer sends (RFC 8445 §8.1). Clients nominate one pair, or
// one after the other the better they find; the best one stays, unless it has fallen silent or the client, long after it has
// connected, takes to another one.
func (s *iceSide) checked(pa *path, c lite.Check) {
	now := media.Now()
	s.mu.Lock()
	pa.prio = lite.PairPriority(c.Priority, pa.local())
	fresh := c.Use && !pa.picked
	pa.picked = pa.picked || c.Use
	cur := s.selected.Load()
	take := false
	switch {
	case cur == pa:
	case cur == nil:
		take = true
	case pa.gen.number != cur.gen.number:
		take = c.Use && pa.gen.number > cur.gen.number
	default:
		take = c.Use && (!cur.picked || pa.prio >= cur.prio) || fresh && now-s.switched > settled || now-cur.heard.Load() > quiet
	}
	if take {
		s.selected.Store(pa)
		if pa.gen == s.current {
			s.switched = now
		}
	}
	s.mu.Unlock()
	pa.heard.Store(now)
	s.heard.Store(now)
	pa.gen.p.dtls.start()
}

// followed is told that the client sends media by another path than we do: that one it has chosen, whatever it nominates.
func (s *iceSide) followed(pa *path, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.selected.Load()
	if cur != nil && (pa.gen.number < cur.gen.number || now-cur.media.Load() < straggle) {
		return
	}
	s.selected.Store(pa)
	if pa.gen == s.current {
		s.switched = now
	}
}

// lost is told that a path is no more.
func (s *iceSide) lost(pa *path) { s.selected.CompareAndSwap(pa, nil) }

// retire closes the credentials from before ICE restarts, once the client has moved for a while.
func (s *iceSide) retire(now int64) {
	s.mu.Lock()
	var old []*generation
	if sel := s.selected.Load(); sel != nil && sel.gen == s.current && now-s.switched > overlap {
		old, s.former = s.former, nil
	}
	s.mu.Unlock()
	for _, g := range old {
		g.close()
	}
}

// close closes the generation's conns; its goroutines end soon after.
func (g *generation) close() {
	g.p.engine.tcp.unregister(g)
	for _, h := range g.handles {
		_ = h.Close()
	}
	g.mu.Lock()
	g.closed = true
	streams := g.streams
	g.streams = nil
	g.mu.Unlock()
	for s := range streams {
		s.Close()
	}
}

// Candidate takes a candidate of the client. An ICE-lite agent needs none: it learns addresses from checks (RFC 8445
// §2.5); so a candidate is only looked at for its form. It returns ErrCandidate or ErrClosed.
func (p *Peer) Candidate(c Candidate) error {
	if p.ended() {
		return ErrClosed
	}
	if c.Line == "" {
		return nil
	}
	if len(c.Line) > maxCandidate {
		return ErrCandidate
	}
	if _, err := ice.UnmarshalCandidate(c.Line); err != nil {
		return errors.Join(ErrCandidate, err)
	}
	return nil
}

const maxCandidate = 1024 // bytes
