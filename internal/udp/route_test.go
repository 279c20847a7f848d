package udp

import (
	"bytes"
	"net/netip"
	"testing"
)

// TestUnknownAddress: DTLS, SRTP and STUN responses from an address that passed no check reach nobody.
func TestUnknownAddress(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	a := newAgent(t, p, "srv")
	member, thief := newSender(t, p.Addr()), newSender(t, p.Addr())
	packets := [][]byte{hello(1), keyFlight, sealed, rtpOf(1), stunMessage(0x0101), stunMessage(0x0011)}
	for _, b := range packets {
		thief.send(b)
	}
	eventually(t, "all dropped", func() bool { return p.Stats().Dropped["unknown_address"] == uint64(len(packets)) })
	a.nothing()

	// A check alone does not open the way either: the agent must have answered it.
	thief.send(bindingRequest("srv", true))
	thief.send(hello(1))
	eventually(t, "hello before the answer dropped", func() bool {
		return p.Stats().Dropped["unknown_address"] == uint64(len(packets))+1
	})
	a.read() // the check, not answered: its integrity was wrong, say

	member.join(a)
	thief.send(hello(1)) // the ClientHello race
	eventually(t, "hello from elsewhere dropped", func() bool {
		return p.Stats().Dropped["unknown_address"] == uint64(len(packets))+2
	})
	member.send(hello(2))
	a.expect(hello(2))
	a.nothing()

	thief.send(bindingRequest("other", false))
	eventually(t, "unknown ufrag", func() bool { return p.Stats().Dropped["unknown_ufrag"] == 1 })
}

// TestAsked: an address the agent itself asks is good for responses only, until one has come.
func TestAsked(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	a := newAgent(t, p, "srv")
	s := newSender(t, p.Addr())
	if _, err := a.WriteToAddrPort(stunMessage(0x0001), s.addr()); err != nil {
		t.Fatal(err)
	}
	s.receive()
	s.send(rtpOf(1))
	eventually(t, "dropped", func() bool { return p.Stats().Dropped["unvalidated"] == 1 })
	s.send(stunMessage(0x0111))
	a.expect(stunMessage(0x0111))
	s.send(rtpOf(1))
	eventually(t, "an error response validates nothing", func() bool { return p.Stats().Dropped["unvalidated"] == 2 })
	s.send(stunMessage(0x0101))
	a.expect(stunMessage(0x0101))
	s.send(rtpOf(1))
	a.expect(rtpOf(1))
}

// TestHandshakesInTurn: on a shared address one DTLS handshake runs at a time, each with its own conn.
func TestHandshakesInTurn(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	s := newSender(t, p.Addr())
	a, b, c := newAgent(t, p, "a"), newAgent(t, p, "b"), newAgent(t, p, "c")
	finish := func(x *agent) {
		t.Helper()
		if _, err := x.WriteToAddrPort(dtlsRecord(22, 1, 20, 0), s.addr()); err != nil {
			t.Fatal(err)
		}
		s.receive()
	}
	s.join(a)
	s.join(b)
	s.send(hello(1)) // a joined first
	a.expect(hello(1))
	s.send(hello(2)) // b must wait
	eventually(t, "busy", func() bool { return p.Stats().Dropped["dtls_busy"] == 1 })
	s.send(hello(1)) // repeated with a cookie
	a.expect(hello(1))
	s.send(keyFlight)
	a.expect(keyFlight)
	finish(a)
	s.send(keyFlight) // our Finished was lost
	a.expect(keyFlight)
	s.send(hello(2))
	b.expect(hello(2))
	s.send(keyFlight)
	b.expect(keyFlight)
	finish(b)
	s.send(hello(3)) // nobody is waiting for one
	eventually(t, "no owner", func() bool { return p.Stats().Dropped["dtls_no_owner"] == 1 })

	s.join(c)
	s.send(hello(3))
	c.expect(hello(3))
	s.send(sealed) // may be anybody's
	for _, x := range []*agent{a, b, c} {
		x.expect(sealed)
		x.nothing()
	}

	// c's client vanished in mid-handshake; the next one need not wait for ever.
	d := newAgent(t, p, "d")
	s.join(d)
	r, _ := p.remotes.get(s.addr())
	r.mu.Lock()
	r.last -= int64(handshakeSilence)
	r.mu.Unlock()
	s.send(hello(4))
	d.expect(hello(4))
	_ = d.Close()
	s.send(hello(3)) // c lives after all; its random is forgotten, but it is the only one left unfinished
	c.expect(hello(3))
}

// TestShareSSRC: SRTP on a shared address goes to all until its SSRC is taught, then to one; an SSRC used by two goes to
// all again.
func TestShareSSRC(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	s := newSender(t, p.Addr())
	a, b := newAgent(t, p, "a"), newAgent(t, p, "b")
	s.join(a)
	p.Learn("b", 7) // before b has an address
	s.join(b)
	p.Learn("a", 5)
	p.Learn("nobody", 9)
	s.send(rtpOf(5))
	a.expect(rtpOf(5))
	s.send(rtpOf(7))
	b.expect(rtpOf(7))
	s.send(rtpOf(6))
	a.expect(rtpOf(6))
	b.expect(rtpOf(6))
	p.Learn("a", 7)
	s.send(rtpOf(7))
	a.expect(rtpOf(7))
	b.expect(rtpOf(7))
	a.nothing()
	b.nothing()

	many := make([]uint32, 100)
	for i := range many {
		many[i] = uint32(1000 + i)
	}
	p.Learn("a", many...)
	if got := p.Stats().Dropped["ssrc_limit"]; got != 100-(maxSSRCs-2) {
		t.Errorf("%d SSRCs refused", got)
	}
}

// TestAlias: an agent knows an address by its alias only, and its answers find the real one.
func TestAlias(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	a := newAgent(t, p, "srv")
	s, other := newSender(t, p.Addr()), newSender(t, p.Addr())
	shown := netip.MustParseAddrPort("198.41.0.4:5000")
	p.Alias(s.addr(), shown)
	p.Alias(other.addr(), netip.MustParseAddrPort("198.41.0.4:5001"))
	s.join(a)
	s.send(rtpOf(1))
	if b, from := a.read(); !bytes.Equal(b, rtpOf(1)) || from != shown {
		t.Errorf("%x from %v", b, from)
	}
	if _, err := a.WriteToAddrPort(rtpOf(2), shown); err != nil {
		t.Fatal(err)
	}
	if b, _ := s.receive(); !bytes.Equal(b, rtpOf(2)) {
		t.Errorf("%x", b)
	}
	p.Alias(s.addr(), netip.AddrPort{})
	s.send(rtpOf(3))
	eventually(t, "unknown under its own name", func() bool { return p.Stats().Dropped["unknown_address"] == 1 })
	p.Alias(other.addr(), netip.AddrPort{})
	p.Alias(other.addr(), netip.AddrPort{})
	if n := p.aliased.Load(); n != 0 || p.aliases.len()+p.reals.len() != 0 {
		t.Errorf("%d aliases are left", n)
	}
}
