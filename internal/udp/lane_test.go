package udp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"testing"
)

// back is a relayer that sends everything back to the client, or to the port itself.
type back struct {
	at     atomic.Pointer[Channel]
	inside bool
}

func (r *back) Relay(number uint16, data []byte, out *Batch) (*Channel, bool) {
	c := r.at.Load()
	if c == nil || number != c.number {
		return nil, false
	}
	if r.inside {
		return c, true
	}
	n := copy(out.Reserve(len(data)), data)
	out.Send(c.Target(), n)
	return nil, true
}

func channelMessage(number uint16, data []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// TestLane: a relayer sees its client's ChannelData and nobody else's, in runs too, and what it does not know goes to the
// TURN server.
func TestLane(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	s, other := newSender(t, p.addr), newSender(t, p.addr)
	r := &back{}
	count := new(Counter)
	l := p.OpenLane(s.addr(), r)
	r.at.Store(l.Channel(0x4abc, netip.MustParseAddrPort("198.51.100.1:9"), count))
	for n := range 200 {
		m := channelMessage(0x4abc, bytes.Repeat([]byte{byte(n)}, n*7))
		s.send(m)
		if got, _ := s.receive(); !bytes.Equal(got, m) {
			t.Fatalf("%d bytes came back as %d", len(m), len(got))
		}
	}
	if packets, size := count.Load(); packets != 200 || size != 7*199*100 {
		t.Error(packets, size)
	}
	buf := make([]byte, maxPacket)
	for _, m := range [][]byte{channelMessage(0x4abd, []byte("unknown")), channelMessage(0x4abc, []byte("a stranger's"))} {
		from := s
		if m[1] == 0xbc {
			from = other
		}
		from.send(m)
		n, a, err := p.TURN().ReadFrom(buf)
		if err != nil || !bytes.Equal(buf[:n], m) || a.String() != from.addr().String() {
			t.Fatalf("%q from %v, %v", buf[:n], a, err)
		}
	}
	l.Close()
	s.send(channelMessage(0x4abc, []byte("late")))
	if n, _, err := p.TURN().ReadFrom(buf); err != nil || string(buf[4:n]) != "late" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
}

// FuzzChannelData: whatever a client with an allocation sends as ChannelData, what is relayed is what the header says, and
// what it sends into the port is routed as anything else is.
func FuzzChannelData(f *testing.F) {
	for _, b := range [][]byte{channelMessage(0x4000, nil), channelMessage(0x4fff, []byte("odd")), append(channelMessage(0x4001, []byte("padded")), 0, 0),
		{0x40, 0}, {0x40, 0, 0, 1}, {0x4f, 0xff, 0xff, 0xff, 1}, channelMessage(0x4001, channelMessage(0x4001, []byte("nested"))),
		channelMessage(0x4001, stunMessage(0x0001)), channelMessage(0x4001, bindingRequest("srv", true)), channelMessage(0x4001, []byte{0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})} {
		f.Add(b, false)
		f.Add(b, true)
	}
	p := listen(f, "127.0.0.1:0") // nobody sends to it: what its reader would do the test does
	client := netip.MustParseAddrPort("127.0.0.1:9")
	r := &back{}
	l := p.OpenLane(client, r)
	out := p.Mux().NewBatch()
	f.Fuzz(func(t *testing.T, b []byte, inside bool) {
		if len(b) == 0 || len(b) >= maxPacket {
			return
		}
		b[0] = firstChannel | b[0]&0xf
		number, data, ok := channelData(b)
		m, why := classify(b)
		if ok != (m.class == classTURN) || ok == (why == dropMalformed) {
			t.Fatalf("%x: %v, class %v", b, ok, m.class)
		}
		channel := l.Channel(number, netip.MustParseAddrPort("198.51.100.1:9"), nil)
		r.inside = inside
		r.at.Store(channel)
		pkt := getPacket()
		pkt.n, pkt.from, pkt.out = copy(pkt.buf[:], b), client, out
		taken, _ := p.dispatch(pkt)
		switch {
		case !ok || !inside && taken:
			if ok || taken {
				t.Fatalf("%x is taken", b)
			}
		case !inside:
			if out.Len() != 1 || !bytes.Equal(out.buf[out.segs[0].off:][:out.segs[0].n], channelMessage(number, data)) {
				t.Fatalf("%x is relayed as %x", b, out.buf[:out.used])
			}
		case taken: // by the TURN server, as from the relay
			if pkt.from != channel.relay || !bytes.Equal(pkt.buf[:pkt.n], data) {
				t.Fatalf("%x from %v", pkt.buf[:pkt.n], pkt.from)
			}
			if q, _ := p.turn.q.pop(); q != pkt {
				t.Fatal("not in the queue")
			}
		}
		putPacket(pkt)
		out.segs, out.used, out.last, out.eager = out.segs[:0], 0, nil, false
		for i := range out.msgs {
			out.table[out.msgs[i].place] = 0
		}
		clear(out.msgs)
		out.msgs = out.msgs[:0]
	})
}
