package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// recorder is a sink that answers checks, so that the address is known, and then gives what arrives to a function.
type recorder struct {
	end  atomic.Pointer[Endpoint]
	seen atomic.Int64
	use  func(b []byte, from netip.AddrPort, out *Batch)
}

func (r *recorder) Receive(b []byte, from netip.AddrPort, out *Batch) {
	if b[0] <= 3 {
		if end := r.end.Load(); end != nil {
			_, _ = end.WriteToAddrPort(stunMessage(0x0101), from)
		}
		return
	}
	r.seen.Add(1)
	if r.use != nil {
		r.use(b, from, out)
	}
}

// attach gives an agent of a port a sink.
func attach(t testing.TB, p *Port, ufrag string, r *recorder) *Endpoint {
	t.Helper()
	end, err := p.Mux().Attach(ufrag, false, r)
	if err != nil {
		t.Fatal(err)
	}
	r.end.Store(end)
	t.Cleanup(func() { _ = end.Close() })
	return end
}

// target makes a client of an agent and gives it in the form of batches.
func target(t *testing.T, p *Port, r *recorder, ufrag string) (*sender, *Target) {
	t.Helper()
	s := newSender(t, netip.AddrPortFrom(loopback4, p.addr.Port()))
	s.send(bindingRequest(ufrag, true))
	s.receive()
	to := r.end.Load().Target(s.addr())
	if to == nil {
		t.Fatal("the address is not known")
	}
	return s, to
}

// numbered is a datagram of n bytes that begins like SRTP and has a number.
func numbered(dst []byte, n int, number uint32) {
	clear(dst[:n])
	dst[0] = 0x80
	binary.BigEndian.PutUint32(dst[4:], number)
}

// TestBatch: whatever the sizes and the order, every datagram arrives once, whole and in order; with the socket of this
// system, without UDP_SEGMENT, and without sendmmsg.
func TestBatch(t *testing.T) {
	for _, mode := range []string{"runs", "single", "plain"} {
		t.Run(mode, func(t *testing.T) {
			p := listen(t, "127.0.0.1:0")
			switch mode {
			case "single":
				p.DisableGSO()
			case "plain":
				withoutBatches(p)
			}
			r := new(recorder)
			attach(t, p, "agent", r)
			type client struct {
				*sender
				to   *Target
				want []int
			}
			var list []*client
			for range 3 {
				s, to := target(t, p, r, "agent")
				list = append(list, &client{sender: s, to: to})
			}
			b := p.Mux().NewBatch()
			sizes := []int{1100, 1100, 1100, 700, 1100, 1101, 40, 1101, 1101, 1300, 1300, 12, 12, 12}
			for i := range 50 {
				for k, c := range list {
					n := sizes[(i*(k+1))%len(sizes)]
					numbered(b.Reserve(n), n, uint32(len(c.want)))
					b.Send(c.to, n)
					c.want = append(c.want, n)
				}
			}
			b.Flush()
			if b.Len() != 0 {
				t.Error("not empty")
			}
			for k, c := range list {
				for i, n := range c.want {
					got, from := c.receive()
					if len(got) != n || binary.BigEndian.Uint32(got[4:]) != uint32(i) || from != p.Addr() {
						t.Fatalf("client %d: datagram %d has %d bytes and number %x, want %d bytes", k, i, len(got), got[4:8], n)
					}
				}
			}
			if s := p.Stats(); s.Dropped["send_full"]+s.Dropped["write_error"]+s.Dropped["gso_refused"] != 0 {
				t.Error(s.Dropped)
			}
		})
	}
}

// echo sends what came as often as it is told.
type echo struct {
	to    *Target
	asked []byte
	times int
}

func (e *echo) Release(out *Batch) {
	for range e.times {
		n := copy(out.Reserve(len(e.asked)), e.asked)
		out.Send(e.to, n)
	}
}

// TestEcho: what a sink sends while it receives leaves without anything further happening; what it puts off follows soon.
func TestEcho(t *testing.T) {
	p := listen(t, ":0") // also the source address is right
	r := new(recorder)
	var to atomic.Pointer[Target]
	var wait atomic.Int64
	r.use = func(b []byte, _ netip.AddrPort, out *Batch) {
		e := &echo{to: to.Load(), asked: bytes.Clone(b), times: 20}
		if n := wait.Load(); n > 0 {
			out.After(e, int(n))
		} else {
			e.Release(out)
		}
	}
	attach(t, p, "agent", r)
	s := newSender(t, netip.AddrPortFrom(loopback4, p.addr.Port()))
	s.send(bindingRequest("agent", true))
	s.receive()
	to.Store(r.end.Load().Target(s.addr()))
	for i := range 12 {
		wait.Store([]int64{0, 1, 2 * holdFrom}[i%3])
		ask := bytes.Repeat([]byte{0x80}, 100+i)
		s.send(ask)
		for range 20 {
			if got, _ := s.receive(); !bytes.Equal(got, ask) {
				t.Fatalf("%x", got)
			}
		}
	}
}

// TestBatchHolds: what was put off waits only when there is much, and not for long; it is done once.
func TestBatchHolds(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	r := new(recorder)
	attach(t, p, "agent", r)
	_, to := target(t, p, r, "agent")
	b := p.Mux().NewBatch()
	e := &echo{to: to, asked: make([]byte, 50), times: 3}
	for _, step := range []struct {
		weight int
		holds  bool
	}{{1, false}, {holdFrom - 2, false}, {1, true}} {
		b.After(e, step.weight)
		if got := b.patience() > 0; got != step.holds {
			t.Errorf("after %d more: held %t", step.weight, got)
		}
	}
	b.since -= int64(holdTime)
	if b.patience() != 0 {
		t.Error("held for too long")
	}
	was := p.Stats().PacketsOut
	b.Flush()
	b.Flush()
	if n := p.Stats().PacketsOut - was; n != 9 {
		t.Error(n, "datagrams were sent")
	}
}

// TestBatchAfterClose: nothing is sent by a closed port, and nothing breaks.
func TestBatchAfterClose(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	r := new(recorder)
	end := attach(t, p, "agent", r)
	s, to := target(t, p, r, "agent")
	b := p.Mux().NewBatch()
	numbered(b.Reserve(50), 50, 0)
	b.Send(to, 50)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	b.Flush()
	if _, err := end.WriteToAddrPort([]byte{1}, s.addr()); err == nil {
		t.Error("a closed port sends")
	}
	if _, err := p.Mux().Attach("late", false, r); err == nil {
		t.Error("a closed port takes agents")
	}
}

// TestAttachTwice: a user name fragment belongs to one sink.
func TestAttachTwice(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	end := attach(t, p, "agent", new(recorder))
	if _, err := p.Mux().Attach("agent", false, new(recorder)); err == nil {
		t.Error("twice")
	}
	if err := end.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Mux().Attach("agent", false, new(recorder)); err != nil {
		t.Error(err)
	}
}

// TestWriteReason: what a full buffer drops is told from other errors.
func TestWriteReason(t *testing.T) {
	if got := writeReason(errors.New("x")); got != dropWriteError {
		t.Error(got)
	}
	for _, err := range fullErrors {
		if got := writeReason(fmt.Errorf("wrapped: %w", err)); got != dropSendFull {
			t.Error(err, got)
		}
	}
}

// TestBatchAllocations: from datagram to datagram nothing is allocated.
func TestBatchAllocations(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	r := new(recorder)
	attach(t, p, "agent", r)
	s, to := target(t, p, r, "agent")
	b := p.Mux().NewBatch()
	if n := testing.AllocsPerRun(500, func() {
		for range 6 {
			numbered(b.Reserve(1000), 1000, 0)
			b.Send(to, 1000)
		}
		b.Flush()
	}); n != 0 {
		t.Error(n, "allocations per flush")
	}
	_ = s
}

// BenchmarkBatch sends runs of 1, 2, 4 and 8 datagrams to 50 addresses.
func BenchmarkBatch(b *testing.B) {
	for _, run := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint(run), func(b *testing.B) {
			p := listen(b, "127.0.0.1:0")
			r := new(recorder)
			end := attach(b, p, "agent", r)
			var list []*Target
			for range 50 {
				c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback4, 0)))
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = c.Close() })
				addr := c.LocalAddr().(*net.UDPAddr).AddrPort()
				if _, err := end.WriteToAddrPort(stunMessage(0x0101), addr); err != nil {
					b.Fatal(err)
				}
				list = append(list, end.Target(addr))
			}
			out := newBatch(p, batchBytes, batchPackets)
			b.ReportAllocs()
			for b.Loop() {
				for range run {
					for _, to := range list {
						numbered(out.Reserve(1100), 1100, 0)
						out.Send(to, 1100)
					}
				}
				out.Flush()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(run*len(list)), "ns/packet")
		})
	}
}
