package udp

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// sharedClient is a client program's socket shared by many PeerConnections that all talk to one server address. It knows
// nothing of the port's rules: STUN requests go by ufrag, STUN responses by the transaction that was sent, DTLS and SRTP to
// everybody who is connected, handshakes to the newest.
type sharedClient struct {
	sock net.PacketConn
	wg   sync.WaitGroup

	mu    sync.Mutex // guards the following
	conns map[string]*clientConn
	order []*clientConn
	asked map[[12]byte]*clientConn
}

type clientConn struct {
	s    *sharedClient
	in   chan []byte
	from net.Addr
	done chan struct{}
	once sync.Once
}

func newSharedClient(t *testing.T) *sharedClient {
	t.Helper()
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sharedClient{sock: sock, conns: map[string]*clientConn{}, asked: map[[12]byte]*clientConn{}}
	s.wg.Go(s.read)
	t.Cleanup(func() {
		_ = sock.Close()
		s.wg.Wait()
	})
	return s
}

func (s *sharedClient) read() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.sock.ReadFrom(buf)
		if err != nil {
			return
		}
		for _, c := range s.meant(buf[:n]) {
			c.mu().Lock()
			c.from = from
			c.mu().Unlock()
			select {
			case c.in <- append([]byte(nil), buf[:n]...):
			default:
			}
		}
	}
}

func (c *clientConn) mu() *sync.Mutex { return &c.s.mu }

func (s *sharedClient) meant(b []byte) []*clientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stun.IsMessage(b) {
		m := &stun.Message{Raw: append([]byte(nil), b...)}
		if m.Decode() != nil {
			return nil
		}
		if user, err := m.Get(stun.AttrUsername); err == nil {
			if c := s.conns[strings.Split(string(user), ":")[0]]; c != nil {
				return []*clientConn{c}
			}
			return nil
		}
		if c := s.asked[m.TransactionID]; c != nil {
			return []*clientConn{c}
		}
		return nil
	}
	if b[0] >= 20 && b[0] <= 24 && b[3] == 0 && b[4] == 0 { // clear handshake records: the newest
		return s.order[len(s.order)-1:]
	}
	return append([]*clientConn(nil), s.order...)
}

func (s *sharedClient) GetConn(ufrag string, _ net.Addr) (net.PacketConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &clientConn{s: s, in: make(chan []byte, 1024), done: make(chan struct{})}
	s.conns[ufrag] = c
	s.order = append(s.order, c)
	return c, nil
}

func (s *sharedClient) RemoveConnByUfrag(ufrag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, ufrag)
}

func (s *sharedClient) GetListenAddresses() []net.Addr { return []net.Addr{s.sock.LocalAddr()} }
func (s *sharedClient) Close() error                   { return nil }

func (c *clientConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-c.in:
		c.mu().Lock()
		defer c.mu().Unlock()
		return copy(b, p), c.from, nil
	case <-c.done:
		return 0, nil, io.EOF
	}
}

func (c *clientConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if stun.IsMessage(b) && b[0] == 0 && b[1] == 1 {
		c.mu().Lock()
		c.s.asked[[12]byte(b[8:20])] = c
		c.mu().Unlock()
	}
	return c.s.sock.WriteTo(b, to)
}

func (c *clientConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

func (c *clientConn) LocalAddr() net.Addr { return c.s.sock.LocalAddr() }

// TestSharedSocket: several PeerConnections of one client program behind one socket, joined one after another; each has its
// own data and media, also while later ones join, and after some have left.
func TestSharedSocket(t *testing.T) {
	for _, n := range []int{2, 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			port := listen(t, "127.0.0.1:0")
			client := newSharedClient(t)
			var pairs []*pair
			for i := range n {
				p := connect(t, port, loopback4, client)
				p.awaitOpen(t)
				p.exchange(t, fmt.Sprintf("join %d", i))
				pairs = append(pairs, p)
			}
			for i, p := range pairs {
				p.exchange(t, fmt.Sprintf("all %d", i))
			}
			if got := port.Stats().Remotes; got != 1 {
				t.Errorf("%d remote addresses, want 1", got)
			}
			for _, p := range pairs[1:] {
				_ = p.server.GracefulClose()
			}
			pairs[0].exchange(t, "alone again")
			p := connect(t, port, loopback4, client)
			p.awaitOpen(t)
			p.exchange(t, "late")
		})
	}
}

// TestSharedSocketLearned: with the SSRCs taught, media goes to its conn alone.
func TestSharedSocketLearned(t *testing.T) {
	port := listen(t, "127.0.0.1:0")
	client := newSharedClient(t)
	a, b := connect(t, port, loopback4, client), (*pair)(nil)
	a.awaitOpen(t)
	b = connect(t, port, loopback4, client)
	b.awaitOpen(t)
	for _, p := range []*pair{a, b} {
		port.Learn(localUfragOf(t, p.server), uint32(p.client.GetSenders()[0].GetParameters().Encodings[0].SSRC))
	}
	a.exchange(t, "a")
	b.exchange(t, "b")
	r := port.remotes.values()[0]
	if m := r.ssrcs.Load(); m == nil || len(*m) != 2 {
		t.Fatalf("SSRCs of the address: %v", m)
	}
	_ = a.server.GracefulClose()
	if m := r.ssrcs.Load(); len(*m) != 1 {
		t.Fatalf("a closed conn's SSRC is kept: %v", m)
	}
	b.exchange(t, "b alone")
}

func localUfragOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	for _, line := range strings.Split(pc.LocalDescription().SDP, "\r\n") {
		if u, ok := strings.CutPrefix(line, "a=ice-ufrag:"); ok {
			return u
		}
	}
	t.Fatal("no ufrag")
	return ""
}

// TestPortAsClient: the port also serves the client side of many connections that share it, where the handshakes are
// started by us.
func TestPortAsClient(t *testing.T) {
	server, client := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	var pairs []*pair
	for i := range 4 {
		p := connect(t, server, loopback4, client.Mux(loopback4))
		p.awaitOpen(t)
		pairs = append(pairs, p)
		p.exchange(t, fmt.Sprint(i))
	}
	for i, p := range pairs {
		p.exchange(t, fmt.Sprint("again ", i))
	}
}
func (c *clientConn) SetDeadline(time.Time) error      { return nil }
func (c *clientConn) SetReadDeadline(time.Time) error  { return nil }
func (c *clientConn) SetWriteDeadline(time.Time) error { return nil }

// TestPionsMux: a client program with Pion's own mux, which knows one connection per remote address, the last that wrote.
func TestPionsMux(t *testing.T) {
	port := listen(t, "127.0.0.1:0")
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lf := logging.NewDefaultLoggerFactory()
	lf.DefaultLogLevel = logging.LogLevelDisabled
	m := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: sock, Logger: lf.NewLogger("ice")})
	t.Cleanup(func() { _ = m.Close() })
	for i := range 3 {
		p := connect(t, port, loopback4, m)
		p.awaitOpen(t)
		p.exchange(t, fmt.Sprint(i))
	}
}
