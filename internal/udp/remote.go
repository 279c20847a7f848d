package udp

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// remote is one remote address and the conns that talk to it, usually one.
//
// With several, a datagram does not say whom it is for. STUN requests do (ufrag). For the rest:
//
//   - STUN responses go to all: the transaction id is known to one, the integrity key is another's.
//   - SRTP and SRTCP go by SSRC once it was taught, else to all: the keys of the others do not open them.
//   - Encrypted DTLS records go to all, for the same reason.
//   - DTLS handshake records in the clear would confuse a conn they are not meant for. One handshake at a time owns the
//     address: a ClientHello (known by its random) is given to a conn that was nominated and has not begun its DTLS, and
//     everything in the clear follows it. Another client's ClientHello waits, by being dropped and repeated, until the
//     owner has finished or has been silent for handshakeSilence.
type remote struct {
	addr   netip.AddrPort                      // as agents know it
	real   netip.AddrPort                      // where to send, another one for an alias
	via    atomic.Pointer[route]               // how to reach it, nil: as the kernel likes
	dest   atomic.Pointer[destination]         // both, for batches
	tunnel atomic.Pointer[Channel]             // instead: the remote is a relay of ours, and its client's channel is known
	list   atomic.Pointer[[]*binding]          // immutable; replaced under the lock of the address's shard
	ssrcs  atomic.Pointer[map[uint32]*binding] // immutable, likewise; a nil binding means that several use the SSRC

	mu     sync.Mutex          // guards the following, taken for clear handshake records only
	owner  *binding            // whose handshake is running or ran last
	random [dtlsRandomLen]byte // of its ClientHello, zero if the server is the DTLS client
	last   int64               // when the owner last got a handshake record (Port.now)
}

// binding is one conn on one remote address.
type binding struct {
	conn      *conn
	remote    *remote
	asked     atomic.Bool  // we sent a connectivity check
	validated atomic.Bool  // the address passed a check in either direction
	nominated atomic.Int64 // when its client first nominated the address (Port.now), 0 if never
	used      atomic.Int64 // when it was last checked (Port.now)
	secured   atomic.Bool  // our side of the DTLS handshake is done
	hello     bool         // has been given a ClientHello; guarded by remote.mu
}

// handshakeSilence is how long a DTLS handshake may stand still before another one on the same address may start.
const handshakeSilence = 2 * time.Second

// helloFollows is how soon after its nomination a client sends its ClientHello.
const helloFollows = 3 * time.Second

// bindings gives the current list.
func (r *remote) bindings() []*binding {
	if l := r.list.Load(); l != nil {
		return *l
	}
	return nil
}

// noteWay remembers how a packet came, so that answers go the same way: which local address the remote talks to, or the
// channel of a TURN client.
func (r *remote) noteWay(p *Port, to netip.Addr, by *Channel) {
	if r.tunnel.Load() != by {
		r.tunnel.Store(by)
	}
	if !to.IsValid() {
		return
	}
	if v := r.via.Load(); v == nil || v.local != to {
		r.via.Store(p.sock.route(to))
	}
}

// dispatch routes a packet that carries no ufrag. Two of the port's readers never have packets of one address.
func (r *remote) dispatch(pkt *packet, m message) (taken bool, why dropReason) {
	list := r.bindings()
	switch {
	case m.class == classReply:
		if m.success {
			for _, b := range list {
				if b.asked.Load() {
					b.validated.Store(true)
				}
			}
		}
		return deliver(pkt, list)
	case m.class == classDTLS && dtlsClear(pkt.buf[:pkt.n]):
		return r.handshake(pkt, list)
	case len(list) > 1 && m.class == classSRTP:
		if b := r.bySSRC(pkt.buf[:pkt.n]); b != nil && b.validated.Load() {
			return b.conn.take(pkt)
		}
	}
	return deliver(pkt, list, isValidated)
}

func isValidated(b *binding) bool { return b.validated.Load() }

// deliver gives the packet to every binding that meets the conditions, copies to all but the last.
func deliver(pkt *packet, list []*binding, conds ...func(*binding) bool) (taken bool, why dropReason) {
	var to *binding
	why = dropUnvalidated
next:
	for _, b := range list {
		for _, cond := range conds {
			if !cond(b) {
				continue next
			}
		}
		if to != nil {
			c := pkt.clone()
			if ok, why := to.conn.take(c); !ok {
				putPacket(c)
				if why != dropNone {
					to.conn.port.drops[why].Add(1)
				}
			}
		}
		to = b
	}
	if to == nil {
		return false, why
	}
	return to.conn.take(pkt)
}

func (r *remote) bySSRC(b []byte) *binding {
	m := r.ssrcs.Load()
	if m == nil {
		return nil
	}
	ssrc, ok := ssrcOf(b)
	if !ok {
		return nil
	}
	return (*m)[ssrc]
}

// handshake routes a clear DTLS record, see remote.
func (r *remote) handshake(pkt *packet, list []*binding) (taken bool, why dropReason) {
	b, why := r.handshakeOwner(clientRandom(pkt.buf[:pkt.n]), list)
	if b == nil {
		return false, why
	}
	if !b.validated.Load() {
		return false, dropUnvalidated
	}
	return b.conn.take(pkt)
}

func (r *remote) handshakeOwner(random []byte, list []*binding) (*binding, dropReason) {
	if len(list) == 0 {
		return nil, dropUnvalidated
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := list[0].conn.port.now()
	if random == nil || bytes.Equal(random, r.random[:]) {
		switch {
		case r.owner != nil:
			r.last = now
			return r.owner, dropNone
		case len(list) == 1:
			return list[0], dropNone
		default:
			return nil, dropDTLSOwner
		}
	}
	if len(list) > 1 && r.handshakeRuns(now) {
		return nil, dropDTLSBusy
	}
	b := helloFor(list, now)
	if b == nil {
		return nil, dropDTLSOwner
	}
	r.owner, r.last = b, now
	b.hello = true
	copy(r.random[:], random)
	return b, dropNone
}

// handshakeRuns reports whether an unfinished handshake owns the address; called with mu held.
func (r *remote) handshakeRuns(now int64) bool {
	return r.owner != nil && !r.owner.secured.Load() && now-r.last < int64(handshakeSilence)
}

// helloFor is the binding that a new ClientHello most likely belongs to. A conn that is alone gets it in any case. Of
// those that have had none, it is the one whose nomination is just long enough ago: clients that join at the same time
// are served in turn, and what was abandoned half-way long ago is passed over for the newest. Called with mu held.
func helloFor(list []*binding, now int64) (best *binding) {
	if len(list) == 1 {
		return list[0]
	}
	var rank int
	var when int64
	for _, b := range list {
		if !b.validated.Load() || b.secured.Load() {
			continue
		}
		n := b.nominated.Load()
		r, w := 1, n // begun before: the newest, if there is nothing better
		switch {
		case !b.hello && n != 0 && now-n < int64(helloFollows):
			r, w = 3, -n // the oldest of the fresh ones
		case !b.hello:
			r = 2
		}
		if best == nil || r > rank || r == rank && w > when {
			best, rank, when = b, r, w
		}
	}
	return best
}

// startedByUs makes b the owner of the handshake on its address, because our side sends the ClientHello. While another one
// runs it does not: the other side will not answer ours before either.
func (r *remote) startedByUs(b *binding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := b.conn.port.now()
	if r.owner == b || r.handshakeRuns(now) {
		return
	}
	r.owner, r.last = b, now
	b.hello = true
	clear(r.random[:])
}

// add and remove change the list; they are called under the lock of the address's shard.
func (r *remote) add(b *binding, ssrcs []uint32) {
	list := append(slices.Clone(r.bindings()), b)
	r.list.Store(&list)
	r.learn(b, ssrcs)
}

func (r *remote) remove(b *binding) (empty bool) {
	list := slices.DeleteFunc(slices.Clone(r.bindings()), func(x *binding) bool { return x == b })
	r.list.Store(&list)
	if m := r.ssrcs.Load(); m != nil {
		next := make(map[uint32]*binding, len(*m))
		for ssrc, owner := range *m {
			if owner != b {
				next[ssrc] = owner
			}
		}
		r.ssrcs.Store(&next)
	}
	r.mu.Lock()
	if r.owner == b {
		r.owner = nil
		clear(r.random[:])
	}
	r.mu.Unlock()
	return len(list) == 0
}

// learn adds SSRCs of a binding; called under the lock of the address's shard.
func (r *remote) learn(b *binding, ssrcs []uint32) {
	if len(ssrcs) == 0 {
		return
	}
	next := make(map[uint32]*binding, len(ssrcs))
	if m := r.ssrcs.Load(); m != nil {
		for ssrc, owner := range *m {
			next[ssrc] = owner
		}
	}
	for _, ssrc := range ssrcs {
		if owner, ok := next[ssrc]; ok && owner != b {
			next[ssrc] = nil // two clients on one socket chose the same: only the keys can tell
			continue
		}
		next[ssrc] = b
	}
	r.ssrcs.Store(&next)
}
