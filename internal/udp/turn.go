package udp

import (
	"hash/maphash"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	turnQueue = 1024 // packets of all TURN clients together
	turnPeers = 4096 // remembered client addresses
)

// turnConn is the part of the port that belongs to the STUN and TURN server.
type turnConn struct {
	port *Port
	q    queue
	wake chan struct{} // capacity 1
	done chan struct{}
	once sync.Once
	dl   deadline

	// Clients by hash of their address, newest wins: it saves an allocation per packet and remembers where to answer from.
	seed  maphash.Seed
	peers [turnPeers]atomic.Pointer[turnPeer]
}

type turnPeer struct {
	addr netip.AddrPort
	udp  *net.UDPAddr // shared by all readers, never changed
	via  *route
}

func newTURNConn(p *Port) *turnConn {
	t := &turnConn{port: p, wake: make(chan struct{}, 1), done: make(chan struct{}), seed: maphash.MakeSeed()}
	t.q = queue{max: turnQueue, full: dropTURNFull, wake: t.signal}
	return t
}

func (t *turnConn) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *turnConn) push(p *packet) (bool, dropReason) { return t.q.push(p) }

func (t *turnConn) peer(a netip.AddrPort) *atomic.Pointer[turnPeer] {
	return &t.peers[maphash.Comparable(t.seed, a)%turnPeers]
}

// note gives the remembered form of a client's address.
func (t *turnConn) note(from netip.AddrPort, to netip.Addr) *net.UDPAddr {
	slot := t.peer(from)
	if e := slot.Load(); e != nil && e.addr == from && (!to.IsValid() || e.via != nil && e.via.local == to) {
		return e.udp
	}
	e := &turnPeer{addr: from, udp: net.UDPAddrFromAddrPort(from)}
	if to.IsValid() {
		e.via = t.port.sock.route(to)
	}
	slot.Store(e)
	return e.udp
}

// ReadFrom gives the next packet; the address must not be changed. One that does not fit is cut off.
func (t *turnConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		select {
		case <-t.done:
			return 0, nil, net.ErrClosed
		default:
		}
		if t.dl.passed() {
			return 0, nil, os.ErrDeadlineExceeded
		}
		if p, more := t.q.pop(); p != nil {
			n, from := copy(b, p.buf[:p.n]), t.note(p.from, p.to)
			putPacket(p)
			if more {
				t.signal()
			}
			return n, from, nil
		}
		select {
		case <-t.wake:
		case <-t.done:
		}
	}
}

// WriteTo sends one datagram to a *net.UDPAddr.
func (t *turnConn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok || !u.AddrPort().IsValid() {
		return 0, &net.AddrError{Err: "not a UDP address", Addr: to.String()}
	}
	select {
	case <-t.done:
		return 0, net.ErrClosed
	default:
	}
	addr := canonical(u.AddrPort())
	var via *route
	if e := t.peer(addr).Load(); e != nil && e.addr == addr {
		via = e.via
	}
	return t.port.send(b, addr, via)
}

// Close makes reading and writing fail; the port drops what comes for TURN from then on.
func (t *turnConn) Close() error {
	t.once.Do(func() {
		close(t.done)
		t.dl.set(time.Time{}, nil)
		t.q.close()
	})
	return nil
}

func (t *turnConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(t.port.addr) }

func (t *turnConn) SetDeadline(d time.Time) error { return t.SetReadDeadline(d) }

func (t *turnConn) SetReadDeadline(d time.Time) error {
	t.dl.set(d, t.signal)
	return nil
}

// SetWriteDeadline does nothing: writes never wait for long.
func (t *turnConn) SetWriteDeadline(time.Time) error { return nil }
