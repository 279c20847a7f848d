package udp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// sender is a bare client socket.
type sender struct {
	t    testing.TB
	conn *net.UDPConn
	to   *net.UDPAddr
}

func newSender(t testing.TB, to netip.AddrPort) *sender {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: to.Addr().AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &sender{t, conn, net.UDPAddrFromAddrPort(to)}
}

func (s *sender) addr() netip.AddrPort {
	return canonical(s.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (s *sender) send(b []byte) {
	s.t.Helper()
	if _, err := s.conn.WriteTo(b, s.to); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sender) receive() ([]byte, netip.AddrPort) {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 2048)
	n, from, err := s.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return b[:n], canonical(from)
}

func bindingRequest(ufrag string, nominate bool) []byte {
	attrs := [][]byte{stunAttr(attrUsername, ufrag+":client")}
	if nominate {
		attrs = append(attrs, stunAttr(attrUseCandidate, ""))
	}
	return stunMessage(0x0001, attrs...)
}

// agent is a hand-driven ICE agent: a handle with what tests need.
type agent struct {
	t *testing.T
	*handle
}

func newAgent(t *testing.T, p *Port, ufrag string) *agent {
	t.Helper()
	h, err := p.Mux().GetConn(ufrag, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback4, p.addr.Port())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return &agent{t, h.(*handle)}
}

// read gives the next packet, nil after a while without one.
func (a *agent) read() ([]byte, netip.AddrPort) {
	a.t.Helper()
	_ = a.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, maxPacket)
	n, from, err := a.ReadFromAddrPort(b)
	if err != nil {
		a.t.Fatalf("%s: %v", a.conn.ufrag, err)
	}
	return b[:n], from
}

// expect reads one packet and compares.
func (a *agent) expect(want []byte) {
	a.t.Helper()
	if got, _ := a.read(); !bytes.Equal(got, want) {
		a.t.Fatalf("%s got %x, want %x", a.conn.ufrag, got, want)
	}
}

// answer reads a check and sends a success response, which validates the address.
func (a *agent) answer() {
	a.t.Helper()
	_, from := a.read()
	if _, err := a.WriteToAddrPort(stunMessage(0x0101), from); err != nil {
		a.t.Fatal(err)
	}
}

// nothing asserts that no packet is waiting. The caller makes sure that the port has read everything.
func (a *agent) nothing() {
	a.t.Helper()
	if p, _ := a.conn.q.pop(); p != nil {
		a.t.Fatalf("%s got %x", a.conn.ufrag, p.buf[:p.n])
	}
}

// settle waits until the port has read n packets since it was opened.
func settle(t testing.TB, p *Port, n uint64) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " packets read"), func() bool { return p.in.packets.Load() >= n })
	eventually(t, "the last one routed", func() bool { return p.Stats().PacketsIn >= n })
}

// join validates a's address for an agent, with nomination.
func (s *sender) join(a *agent) {
	s.t.Helper()
	s.send(bindingRequest(a.conn.ufrag, true))
	a.answer()
	s.receive()
}

var (
	rtpOf = func(ssrc byte) []byte {
		return []byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc, 9, 9, 9, 9}
	}
	hello     = func(random byte) []byte { return dtlsRecord(22, 0, 1, random) }
	keyFlight = dtlsRecord(22, 0, 16, 0)
	sealed    = dtlsRecord(23, 1, 0, 0)
)
