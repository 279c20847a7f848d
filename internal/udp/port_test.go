package udp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// TestSourceAddress: answers leave from the address the question went to, on a socket bound to every address.
func TestSourceAddress(t *testing.T) {
	for _, bind := range []string{":0", "0.0.0.0:0"} {
		t.Run(bind, func(t *testing.T) {
			p := listen(t, bind)
			to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), p.Addr().Port())
			at := netip.AddrPortFrom(loopback4, to.Port())
			s := newSender(t, at)
			s.to = net.UDPAddrFromAddrPort(to)
			a := newAgent(t, p, "srv")
			others := []*sender{newSender(t, at), newSender(t, at), s}
			for _, o := range others { // all before the first is answered
				o.to = s.to
				o.send(bindingRequest("srv", false))
			}
			for range others {
				a.answer()
			}
			for _, o := range others {
				if _, from := o.receive(); from != to {
					t.Errorf("ICE answers from %v, want %v", from, to)
				}
			}
			s.send(stunMessage(0x0001))
			buf := make([]byte, maxPacket)
			_, from, err := p.TURN().ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = p.TURN().WriteTo(stunMessage(0x0101), from); err != nil {
				t.Fatal(err)
			}
			if _, from := s.receive(); from != to {
				t.Errorf("TURN answers from %v, want %v", from, to)
			}
		})
	}
}

// TestBothFamilies: one port serves IPv4 and IPv6, each by the conn of its family.
func TestBothFamilies(t *testing.T) {
	p := listen(t, ":0")
	if !p.Addr().Addr().Is6() {
		t.Skip("this machine has no IPv6")
	}
	loopback6 := netip.IPv6Loopback()
	mux := p.Mux(loopback4, loopback6)
	addrs := mux.GetListenAddresses()
	if len(addrs) != 2 || addrs[1].String() != netip.AddrPortFrom(loopback6, p.Addr().Port()).String() {
		t.Fatal(addrs)
	}
	for i, ip := range []netip.Addr{loopback4, loopback6} {
		h, err := mux.GetConn("srv", addrs[i])
		if err != nil {
			t.Fatal(err)
		}
		a := &agent{t, h.(*handle)}
		s := newSender(t, netip.AddrPortFrom(ip, p.Addr().Port()))
		s.join(a)
		s.send(rtpOf(1))
		a.expect(rtpOf(1))
	}
	if s := p.Stats(); s.Conns != 1 || s.Remotes != 2 {
		t.Errorf("%d ufrags, %d remotes", s.Conns, s.Remotes)
	}
	mux.RemoveConnByUfrag("srv")
	if s := p.Stats(); s.Conns != 0 || s.Remotes != 0 {
		t.Errorf("%d ufrags, %d remotes are left", s.Conns, s.Remotes)
	}
	if err := mux.Close(); err != nil {
		t.Error(err)
	}
}

// TestHandles: the candidates of one agent share its conn; the oldest reads, and when it is closed the next one does.
func TestHandles(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	a, b := newAgent(t, p, "srv"), newAgent(t, p, "srv")
	if a.conn != b.conn {
		t.Fatal("two conns for one ufrag")
	}
	s := newSender(t, p.Addr())
	s.join(a)
	read := make(chan error, 1)
	go func() {
		buf := make([]byte, maxPacket)
		n, _, err := b.ReadFrom(buf)
		if err == nil && !bytes.Equal(buf[:n], rtpOf(2)) {
			err = fmt.Errorf("read %x", buf[:n])
		}
		read <- err
	}()
	s.send(rtpOf(1))
	a.expect(rtpOf(1))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error("second close:", err)
	}
	s.send(rtpOf(2))
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.ReadFromAddrPort(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
		t.Error("read after close:", err)
	}
	if _, err := a.WriteToAddrPort(rtpOf(1), s.addr()); err == nil {
		t.Error("write after close succeeds")
	}
	_ = b.Close()
	if st := p.Stats(); st.Conns != 0 || st.Remotes != 0 {
		t.Errorf("%d ufrags and %d remotes after the last handle", st.Conns, st.Remotes)
	}
	c := newAgent(t, p, "srv")
	if c.conn == a.conn {
		t.Error("a closed conn is given out again")
	}
}

func TestDeadline(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	for name, c := range map[string]net.PacketConn{"ICE": newAgent(t, p, "srv"), "TURN": p.TURN()} {
		read := make(chan error, 1)
		go func() {
			_, _, err := c.ReadFrom(make([]byte, 10))
			read <- err
		}()
		_ = c.SetDeadline(time.Now().Add(20 * time.Millisecond))
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		_ = c.SetReadDeadline(time.Time{})
		go func() {
			_, _, err := c.ReadFrom(make([]byte, 10))
			read <- err
		}()
		_ = c.SetReadDeadline(time.Now().Add(-time.Second))
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s, in the past: %v", name, err)
		}
	}
}

// TestFlood: a full queue drops and says so, for the agent and the TURN server alike, and loses nothing that was queued.
func TestFlood(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	a := newAgent(t, p, "srv")
	s := newSender(t, p.Addr())
	s.join(a)
	read := p.in.packets.Load()
	for i := range connQueue + 10 {
		b := rtpOf(1)
		b[2], b[3] = byte(i>>8), byte(i)
		s.send(b)
		settle(t, p, read+uint64(i)+1)
	}
	eventually(t, "queue full", func() bool { return p.Stats().Dropped["queue_full"] == 10 })
	for i := range connQueue {
		if b, _ := a.read(); int(b[2])<<8|int(b[3]) != i {
			t.Fatalf("packet %d out of order", i)
		}
	}
	a.nothing()
	for range turnQueue + 5 {
		s.send(stunMessage(0x0001))
	}
	eventually(t, "TURN queue full", func() bool { return p.Stats().Dropped["turn_queue_full"] > 0 })
	s.send(make([]byte, 3000))
	s.send([]byte{0xff})
	s.send(append([]byte{0}, make([]byte, 50)...))
	eventually(t, "odd packets", func() bool {
		d := p.Stats().Dropped
		return d["oversize"] == 1 && d["malformed"] == 2
	})
}

// TestCheckFlood: checks from ever new addresses neither fill an agent's queue nor its list of addresses.
func TestCheckFlood(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	a := newAgent(t, p, "srv")
	s := newSender(t, p.Addr())
	for range 3 * maxStrays {
		s.send(bindingRequest("srv", false))
	}
	eventually(t, "rate", func() bool { return p.Stats().Dropped["check_rate"] > 0 })
	for range maxStrays {
		a.read()
	}
	for port := range uint16(maxRemotes + 5) {
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), 20000+port)
		if _, err := a.WriteToAddrPort(stunMessage(0x0101), to); err != nil {
			t.Fatal(err)
		}
	}
	if st := p.Stats(); st.Remotes != maxRemotes || st.Dropped["address_limit"] != 5 {
		t.Errorf("%d remotes, %d refused", st.Remotes, st.Dropped["address_limit"])
	}
	// One that has been quiet makes room.
	a.conn.bindings[3].used.Store(a.conn.port.now() - int64(freshRemote))
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), 30000)
	_, _ = a.WriteToAddrPort(stunMessage(0x0101), to)
	if r, _ := p.remotes.get(to); r == nil || p.Stats().Remotes != maxRemotes {
		t.Error("the quiet address was not forgotten")
	}
}

func TestClose(t *testing.T) {
	p, err := Listen("127.0.0.1:0", testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t, p, "srv")
	reads := make(chan error, 2)
	for _, c := range []net.PacketConn{a, p.TURN()} {
		go func() {
			_, _, err := c.ReadFrom(make([]byte, 10))
			reads <- err
		}()
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := <-reads; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := p.Mux().GetConn("x", a.LocalAddr()); err == nil {
		t.Error("a closed port gives a conn")
	}
	if _, err := Listen("256.0.0.1:0", testLog(t)); err == nil {
		t.Error("a bad address is bound")
	}
	if _, err := Listen("noport", testLog(t)); err == nil {
		t.Error("an address without port is bound")
	}
}

func TestHostAddresses(t *testing.T) {
	p := listen(t, ":0")
	addrs := p.Mux().GetListenAddresses()
	if len(addrs) == 0 {
		t.Fatal("no host candidate")
	}
	one := listen(t, "127.0.0.1:0")
	if got := one.Mux().GetListenAddresses(); len(got) != 1 || got[0].String() != one.Addr().String() {
		t.Error(got)
	}
}

// TestPion: whole connections, each on a socket of its own, by IPv4 and IPv6 candidates at once.
func TestPion(t *testing.T) {
	p := listen(t, ":0")
	for i := range 2 {
		client := listen(t, "127.0.0.1:0")
		c := connect(t, p, loopback4, client.Mux())
		c.awaitOpen(t)
		c.exchange(t, fmt.Sprint(i))
	}
}

// TestAllocations: in steady state neither reading nor writing allocates.
func TestAllocations(t *testing.T) {
	for _, bind := range []string{":0", "127.0.0.1:0"} {
		t.Run(bind, func(t *testing.T) {
			p := listen(t, bind)
			a := newAgent(t, p, "srv")
			s := newSender(t, netip.AddrPortFrom(loopback4, p.Addr().Port()))
			s.join(a)
			out := rtpOf(1)
			buf, in, to := make([]byte, maxPacket), make([]byte, 100), s.addr()
			target := s.to.AddrPort()
			got := testing.AllocsPerRun(500, func() {
				if _, err := s.conn.WriteToUDPAddrPort(out, target); err != nil {
					t.Fatal(err)
				}
				if _, _, err := a.ReadFromAddrPort(buf); err != nil {
					t.Fatal(err)
				}
				if _, err := a.WriteToAddrPort(out, to); err != nil {
					t.Fatal(err)
				}
				if _, _, err := s.conn.ReadFromUDPAddrPort(in); err != nil {
					t.Fatal(err)
				}
			})
			if got > 0 {
				t.Errorf("%v allocations per packet there and back", got)
			}
		})
	}
}

// TestSTUNLibrary: what pion/stun builds is understood.
func TestSTUNLibrary(t *testing.T) {
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("srv:cli"),
		stun.NewShortTermIntegrity("secret"), stun.Fingerprint)
	got, why := classify(m.Raw)
	if got.class != classCheck || !slices.Equal(got.ufrag, []byte("srv")) {
		t.Errorf("%+v %v", got, why)
	}
}

func BenchmarkReceive(b *testing.B) {
	p := listen(b, "127.0.0.1:0")
	h, err := p.Mux().GetConn("srv", net.UDPAddrFromAddrPort(p.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	a := h.(*handle)
	pkt := getPacket()
	pkt.from = netip.MustParseAddrPort("192.0.2.1:5000")
	_, _ = a.WriteToAddrPort(stunMessage(0x0101), pkt.from)
	pkt.n = copy(pkt.buf[:], rtpOf(1))
	buf := make([]byte, maxPacket)
	b.ReportAllocs()
	for b.Loop() {
		if ok, why := p.dispatch(pkt); !ok {
			b.Fatal(why)
		}
		if _, _, err := a.ReadFromAddrPort(buf); err != nil {
			b.Fatal(err)
		}
		pkt = getPacket()
		pkt.n, pkt.from = 16, netip.MustParseAddrPort("192.0.2.1:5000")
		pkt.buf[0], pkt.buf[1] = 0x80, 96
	}
}
