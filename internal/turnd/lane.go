package turnd

import (
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"veche.example/internal/udp"
)

// lane is the way of an allocation's data past Pion's server. Pion's events tell it which permissions and channels there
// are; the readers of the sockets look at its view, and where that knows nothing, Pion decides.
//
// A channel is in the view as long as Pion holds it, its peer has a permission (RFC 8656 §9, §12), and the policy lets
// both directions through.
type lane struct {
	s     *Server
	relay *relayConn
	udp   *udp.Lane // nil: the client is connected by TCP or TLS, and its data goes through Pion
	view  atomic.Pointer[view]

	mu       sync.Mutex // guards the following; Pion's locks may be held
	closed   bool
	peers    map[netip.Addr]struct{}
	channels map[uint16]*channel
}

// channel is one that Pion holds.
type channel struct {
	peer netip.AddrPort // as the client addresses it
	back *udp.Channel
	at   place       // what target is for
	to   *udp.Target // for sending by the relay's socket
}

// view is a lane at a time. Immutable.
type view struct {
	epoch uint64 // of the policy
	peers map[netip.Addr]struct{}
	up    map[uint16]hop                  // by channel number
	down  map[netip.AddrPort]*udp.Channel // by where packets come from
}

// hop is where what the client sends by a channel goes. One of them is set, unless it is refused.
type hop struct {
	media *udp.Channel // to the port itself: the way back
	relay *relayConn   // to another relay, and by its socket if there is no channel back
	to    *udp.Target
}

// permits reports whether there is a permission for an address.
func (v *view) permits(a netip.Addr) bool {
	_, ok := v.peers[canonicalIP(a)]
	return ok
}

// openLane is told of a new allocation.
func (s *Server) openLane(k clientKey, relay net.Addr) {
	r := s.relayAt(relay)
	if r == nil {
		return
	}
	l := &lane{s: s, relay: r, peers: map[netip.Addr]struct{}{}, channels: map[uint16]*channel{}}
	l.view.Store(&view{})
	if !k.stream {
		l.udp = s.c.Port.OpenLane(k.from, l)
	}
	r.lane.Store(l)
	select {
	case <-r.closed: // meanwhile: it may have missed the lane
		l.close()
	default:
	}
}

func (s *Server) relayAt(a net.Addr) *relayConn {
	at := addrPortOf(a)
	return s.policy.relay(family(at.Addr()), at.Port())
}

// changeLane changes what the lane of a relay knows.
func (s *Server) changeLane(relay net.Addr, f func(*lane)) {
	r := s.relayAt(relay)
	if r == nil {
		return
	}
	if l := r.lane.Load(); l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		f(l)
		l.publish()
	}
}

// bind and unbind are told of channels; called with mu held.
func (l *lane) bind(number uint16, peer netip.AddrPort) {
	if l.udp == nil {
		return
	}
	l.channels[number] = &channel{peer: netip.AddrPortFrom(canonicalIP(peer.Addr()), peer.Port()),
		back: l.udp.Channel(number, l.relay.advertised, &l.s.count.down)}
}

func (l *lane) unbind(number uint16) {
	if c := l.channels[number]; c != nil {
		c.back.SetOpen(false)
		delete(l.channels, number)
	}
}

// close ends the lane.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for number := range l.channels {
		l.unbind(number)
	}
	clear(l.peers)
	l.publish()
	if l.udp != nil {
		l.udp.Close()
	}
}

// current gives the view, made anew if the policy may say something else by now.
func (l *lane) current() *view {
	v := l.view.Load()
	if v.epoch == l.s.policy.epoch.Load() {
		return v
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.publish()
}

// publish makes a view of what is known; called with mu held.
func (l *lane) publish() *view {
	p := l.s.policy
	v := &view{epoch: p.epoch.Load(), peers: maps.Clone(l.peers), up: map[uint16]hop{}, down: map[netip.AddrPort]*udp.Channel{}}
	for number, c := range l.channels {
		at, ok := p.out(c.peer)
		ok = ok && v.permits(c.peer.Addr())
		if ok {
			from, in := p.in(at.to, func(netip.AddrPort) netip.AddrPort { return c.peer })
			ok = in && from == c.peer
		}
		c.back.SetOpen(ok)
		if !ok {
			continue // Pion's server, and relayConn.WriteTo
		}
		h := l.hop(c, at)
		if at.media.IsValid() && at.to != c.peer {
			// The client may know this socket under several addresses, and which one it means is what it used last: for that
			// all goes through relayConn, but what stays in memory.
			if h.media != nil {
				l.relay.remember(at.to, c.peer)
				v.up[number] = h
			}
			continue
		}
		v.up[number], v.down[at.to] = h, c.back
	}
	l.view.Store(v)
	return v
}

// hop is called with mu held.
func (l *lane) hop(c *channel, at place) hop {
	if at.media == l.s.c.Port.Addr() {
		return hop{media: c.back}
	}
	if c.to == nil || c.at != at {
		c.at, c.to = at, l.relay.out.Target(at.to, &l.s.count.up)
	}
	return hop{relay: at.relay, to: c.to}
}

// Relay takes what the client sends by a channel: it implements udp.Relayer.
func (l *lane) Relay(number uint16, data []byte, out *udp.Batch) (back *udp.Channel, known bool) {
	h, ok := l.current().up[number]
	if !ok {
		return nil, false
	}
	if h.media != nil {
		l.s.count.up.Add(1, len(data))
		return h.media, true
	}
	if h.relay != nil {
		if other := h.relay.lane.Load(); other != nil {
			if c := other.current().down[l.relay.local]; c != nil {
				l.s.count.up.Add(1, len(data))
				forward(data, c.Target(), out)
				return nil, true
			}
		}
	}
	forward(data, h.to, out)
	return nil, true
}

// longSound is the length up to which a packet may be sound, which is never held back. What is longer may wait a
// moment under load.
const longSound = 300

// forward sends data on.
func forward(data []byte, to *udp.Target, out *udp.Batch) {
	n := copy(out.Reserve(len(data)), data)
	if n > longSound {
		out.SendLater(to, n)
	} else {
		out.Send(to, n)
	}
}

// endOutlets ends the readers of relays, once.
func (s *Server) endOutlets() { s.outletsOnce.Do(s.outlets.Close) }
