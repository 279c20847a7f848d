// Package udp is the one UDP port of the server: media, STUN and TURN share it.
//
// The way of a datagram, in the order of the files:
//
//	socket    a batch of reads, each with the local address it came to (sock_linux.go, sock_other.go)
//	classify  by the first byte (RFC 7983), STUN down to its USERNAME (classify.go)
//	route     STUN with a known ufrag to that ICE conn, other STUN and ChannelData to TURN, DTLS and SRTP to the
//	          conns whose agents have answered a connectivity check from the very address (remote.go)
//	sink      called at once by the reader, for agents that have one (endpoint.go)
//	queue     bounded, drop when full, read by other agents and the TURN server (queue.go, conn.go, turn.go)
//
// One remote address may carry several peers, because a client program may share one socket between many of its
// connections. What is then meant for whom is not always visible: see remote.go.
//
// On Linux there is a socket per core on the one address, each with a reader of its own. The system gives all datagrams of one
// remote address to one of them (SO_REUSEPORT), so their order stays; a client that changes its address may come to another.
// Everything is sent by the first.
//
// The read path takes no lock except that of the queue it may end in, and allocates nothing in steady state. What a sink
// sends goes into a batch (batch.go), which leaves when everything that was read has been dealt with.
package udp

import (
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Port is one bound UDP socket and everything that listens behind it. All methods may be called from any goroutine.
type Port struct {
	sock  socket   // all is sent by it
	more  []socket // on the same address, only read from
	guard guard
	noGSO atomic.Bool
	addr  netip.AddrPort
	log   *slog.Logger

	ufrags  shards[string, *family]                // ICE conns by local ufrag
	remotes shards[netip.AddrPort, *remote]        // remote addresses known by connectivity checks
	aliases shards[netip.AddrPort, netip.AddrPort] // real address → shown, and back in reals
	reals   shards[netip.AddrPort, netip.AddrPort]
	aliased atomic.Int32                  // number of aliases: with none, nothing is looked up
	lanes   shards[netip.AddrPort, *Lane] // TURN clients with an allocation
	turn    *turnConn
	host    hostAddrs
	start   time.Time

	in, out traffic
	drops   [dropReasons]atomic.Uint64

	closed atomic.Bool
	once   sync.Once
	wg     sync.WaitGroup // the readers
}

// family is the pair of conns of one ufrag: Pion keeps candidates of IPv4 and IPv6 apart, so a packet must be read by a
// candidate of its own family. Immutable.
type family [2]*conn

type traffic struct{ packets, bytes atomic.Uint64 }

func (t *traffic) add(n int) {
	t.packets.Add(1)
	t.bytes.Add(uint64(n))
}

// Stats are the counters of a Port since it was opened.
type Stats struct {
	PacketsIn, BytesIn   uint64            // received from the socket
	PacketsOut, BytesOut uint64            // handed to the socket
	Dropped              map[string]uint64 // datagrams not delivered or not sent, by reason
	Conns, Remotes       int               // ufrags registered, remote addresses known
}

// Listen binds addr ("host:port"; an empty host means every address, IPv4 and IPv6; port 0 picks a free one).
func Listen(addr string, log *slog.Logger) (*Port, error) {
	sock, local, err := openSocket(addr, log)
	if err != nil {
		return nil, err
	}
	return newPort(sock, siblings(sock, local, min(runtime.GOMAXPROCS(0), maxSockets)-1, log), local, log), nil
}

// maxSockets bounds the sockets of a port: more than so many cores have enough to do with sealing.
const maxSockets = 16

func newPort(sock socket, more []socket, local netip.AddrPort, log *slog.Logger) *Port {
	p := &Port{sock: sock, more: more, addr: local, log: log, start: time.Now()}
	p.ufrags.hash, p.remotes.hash, p.aliases.hash, p.reals.hash = hashString, hashAddr, hashAddr, hashAddr
	p.lanes.hash = hashAddr
	p.turn = newTURNConn(p)
	for _, s := range append(more, sock) {
		p.wg.Go(func() { p.read(s) })
	}
	return p
}

// Mux is the port as ICE agents see it. The agents' host candidates are the given addresses with the port's number;
// with none, they are the address the port is bound to or, when that is unspecified, those of all interfaces that are up,
// loopback only if there is nothing else. Closing it closes the agents' conns, not the port.
func (p *Port) Mux(advertise ...netip.Addr) *Mux { return &Mux{port: p, advertise: advertise} }

// TURN gives the STUN and TURN traffic that belongs to no ICE agent; there is one such conn per port. Closing it does not
// close the port.
func (p *Port) TURN() net.PacketConn { return p.turn }

// Learn tells the port that the SSRCs are sent by the remote side of the ICE agent with this local ufrag. It only saves
// work where several agents share one remote address: packets with an unknown SSRC go to all of them, and each drops
// what its keys do not open. At most 64 SSRCs are kept per ufrag.
func (p *Port) Learn(ufrag string, ssrcs ...uint32) {
	f, _ := p.ufrags.get(ufrag)
	if f == nil {
		return
	}
	for _, c := range f {
		if c != nil {
			c.learn(ssrcs)
		}
	}
}

// DisableGSO makes every datagram a message of its own from now on.
func (p *Port) DisableGSO() { p.noGSO.Store(true) }

// Alias shows one remote address to ICE agents as another, in both directions, until it is called with an invalid shown.
// The relays of the embedded TURN server need it: they send from a local address, while their clients, and so the agents'
// candidates, know them by the one that is advertised.
func (p *Port) Alias(real, shown netip.AddrPort) {
	real = canonical(real)
	p.aliases.update(real, func(old netip.AddrPort, had bool) (netip.AddrPort, bool) {
		if had {
			p.reals.update(old, func(was netip.AddrPort, ok bool) (netip.AddrPort, bool) { return was, ok && was != real })
			p.aliased.Add(-1)
		}
		if !shown.IsValid() {
			return old, false
		}
		p.reals.update(canonical(shown), func(netip.AddrPort, bool) (netip.AddrPort, bool) { return real, true })
		p.aliased.Add(1)
		return canonical(shown), true
	})
}

// Addr is the bound address.
func (p *Port) Addr() netip.AddrPort { return p.addr }

// Stats returns a snapshot of the counters.
func (p *Port) Stats() Stats {
	s := Stats{
		PacketsIn: p.in.packets.Load(), BytesIn: p.in.bytes.Load(),
		PacketsOut: p.out.packets.Load(), BytesOut: p.out.bytes.Load(),
		Dropped: make(map[string]uint64, dropReasons),
		Conns:   p.ufrags.len(), Remotes: p.remotes.len(),
	}
	for r := range dropReasons {
		s.Dropped[r.String()] = p.drops[r].Load()
	}
	return s
}

// Close closes the sockets and every conn behind them and waits for the readers. It is idempotent.
func (p *Port) Close() error {
	var err error
	p.once.Do(func() {
		p.closed.Store(true)
		for _, s := range p.more {
			s.wake()
		}
		p.sock.wake()
		p.wg.Wait()
		p.closeConns()
		_ = p.turn.Close()
		p.guard.close()
		for _, s := range p.more {
			_ = s.Close()
		}
		err = p.sock.Close()
	})
	return err
}

// closeConns closes every ICE conn.
func (p *Port) closeConns() {
	for _, f := range p.ufrags.values() {
		for _, c := range f {
			if c != nil {
				c.close()
			}
		}
	}
}

// maxReadErrors is how many errors in a row the reader bears before it waits a little between tries.
const maxReadErrors = 16

// read is the only reader of a socket. Sinks are called here; what they send is in out, which leaves when all that was
// read is done with. It ends when the socket is closed.
func (p *Port) read(sock socket) {
	in, out := newInbox(), newBatch(p, batchBytes, batchPackets)
	defer in.free()
	errs := 0
	for {
		wait := time.Duration(-1)
		if out.eager {
			out.flush()
		}
		if out.waits() {
			if wait = out.patience(); wait == 0 {
				out.Flush()
				wait = -1
			}
		}
		n, err := sock.read(in, wait)
		if p.closed.Load() {
			return
		}
		if err != nil {
			p.drops[dropReadError].Add(1)
			if errs++; errs > maxReadErrors {
				time.Sleep(10 * time.Millisecond) // a broken socket must not take a core
			}
			continue
		}
		errs = 0
		if n == 0 {
			out.Flush() // waited long enough
		}
		p.takeAll(in, n, out)
	}
}

// takeAll routes what was read.
func (p *Port) takeAll(in *inbox, n int, out *Batch) {
	bytes := 0
	for i, pkt := range in.list[:n] {
		bytes += pkt.n
		if pkt.n >= len(pkt.buf) {
			p.drops[dropOversize].Add(1) // probably cut off
			continue
		}
		if p.aliased.Load() > 0 {
			if shown, ok := p.aliases.get(pkt.from); ok {
				pkt.from = shown
			}
		}
		pkt.out, pkt.way = out, nil
		if taken, why := p.dispatch(pkt); taken {
			in.list[i] = getPacket()
		} else if why != dropNone {
			p.drops[why].Add(1)
		}
	}
	p.in.packets.Add(uint64(n))
	p.in.bytes.Add(uint64(bytes))
}

// now is a monotonic clock, never 0.
func (p *Port) now() int64 { return int64(time.Since(p.start)) + 1 }

// dispatch routes one packet. It reports whether the packet has a new owner, and else why it was dropped.
func (p *Port) dispatch(pkt *packet) (taken bool, why dropReason) {
	m, why := classify(pkt.buf[:pkt.n])
	switch m.class {
	case classCheck:
		f, _ := p.ufrags.get(string(m.ufrag))
		if f == nil {
			return false, dropUnknownUfrag
		}
		c := f[famIndex(pkt.from.Addr())]
		if c == nil {
			return false, dropUnknownUfrag
		}
		if !c.noteCheck(pkt, m.useCandidate) {
			return false, dropCheckRate
		}
		return c.take(pkt)
	case classTURN:
		if pkt.buf[0] >= firstChannel {
			return p.relay(pkt)
		}
		return p.turn.push(pkt)
	case classReply, classDTLS, classSRTP:
		r, _ := p.remotes.get(pkt.from)
		if r == nil {
			return false, dropUnknownAddr
		}
		r.noteWay(p, pkt.to, pkt.way)
		return r.dispatch(pkt, m)
	default:
		return false, why
	}
}

// send writes one datagram, from the local address of via if that is not nil.
func (p *Port) send(b []byte, to netip.AddrPort, via *route) (int, error) {
	if !p.guard.enter() {
		return 0, net.ErrClosed
	}
	err := p.sock.write(b, to, via)
	p.guard.leave()
	if err != nil {
		p.drops[writeReason(err)].Add(1)
		return 0, err
	}
	p.out.add(len(b))
	return len(b), nil
}

// famIndex is the index of an address in a family.
func famIndex(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// canonical maps an address to the one form used as key: IPv4 unmapped, a zone only where it names an interface.
func canonical(a netip.AddrPort) netip.AddrPort {
	ip := a.Addr().Unmap()
	if ip.Zone() != "" && !ip.IsLinkLocalUnicast() && !ip.IsLinkLocalMulticast() {
		ip = ip.WithZone("")
	}
	return netip.AddrPortFrom(ip, a.Port())
}
