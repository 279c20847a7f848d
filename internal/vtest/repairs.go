package vtest

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Repairs counts what became of packets that did not come at once.
type Repairs struct {
	Asked    uint64 // packets asked for again, each once
	Repaired uint64 // packets that came only when they were sent again
	Missing  uint64 // packets that never came, up to some 500 packets ago
	Needless uint64 // packets asked for that came by themselves after all
}

// window is over how many packets the fate of one is decided.
const window = 512

// maxDelays bounds Count.Delays.
const maxDelays = 1000

// What is known of a packet.
const (
	fateCame = 1 << iota
	fateAgain
	fateAsked
	fateLate // came by itself after it was asked for
)

// gauge follows the packets of one section. It belongs to one goroutine.
type gauge struct {
	Repairs
	first, high, got int64 // got: different packets
	fate             [window]uint8
}

// note takes a packet, and what was asked for since the last one. It tells whether the packet is a new one.
func (g *gauge) note(seq uint16, again bool, asked []uint16) (fresh bool) {
	if g.got == 0 {
		g.first = int64(seq) + 1<<16
		g.high = g.first
		g.fate[g.high%window] = 0
	}
	for _, n := range asked {
		if at, ok := g.place(n); ok && g.fate[at]&(fateCame|fateAgain|fateAsked) == 0 {
			g.fate[at] |= fateAsked
			g.Asked++
		}
	}
	for next := g.high + int64(int16(seq-uint16(g.high))); g.high < next; {
		g.high++
		at := g.high % window
		if g.high-g.first >= window {
			g.settle(g.fate[at])
		}
		g.fate[at] = 0
	}
	at, ok := g.place(seq)
	if !ok {
		return false
	}
	fresh = g.fate[at]&(fateCame|fateAgain) == 0
	switch {
	case again:
		g.fate[at] |= fateAgain
	case g.fate[at]&fateAsked != 0:
		g.fate[at] |= fateCame | fateLate
	default:
		g.fate[at] |= fateCame
	}
	if fresh {
		g.got++
	}
	return fresh
}

// place is where the fate of a packet is, if it is in the window.
func (g *gauge) place(seq uint16) (at int64, ok bool) {
	n := g.high + int64(int16(seq-uint16(g.high)))
	return n % window, g.got > 0 && n > g.high-window && n <= g.high && n >= g.first || n == g.high
}

func (g *gauge) settle(fate uint8) {
	switch {
	case fate&fateLate != 0:
		g.Needless++
	case fate&fateCame != 0:
	case fate&fateAgain != 0:
		g.Repaired++
	default:
		g.Missing++
	}
}

// asking is an interceptor that notes what the client asks for again.
type asking struct {
	interceptor.NoOp
	mu   sync.Mutex
	list map[uint32][]uint16 // guarded by mu
}

func newAsking() *asking { return &asking{list: make(map[uint32][]uint16)} }

// NewInterceptor is the one of the client's only connection.
func (a *asking) NewInterceptor(string) (interceptor.Interceptor, error) { return a, nil }

// BindRTCPWriter looks at what is written.
func (a *asking) BindRTCPWriter(w interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(func(list []rtcp.Packet, attributes interceptor.Attributes) (int, error) {
		for _, packet := range list {
			if nack, ok := packet.(*rtcp.TransportLayerNack); ok {
				a.note(nack)
			}
		}
		return w.Write(list, attributes)
	})
}

func (a *asking) note(nack *rtcp.TransportLayerNack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.list[nack.MediaSSRC]
	for _, pair := range nack.Nacks {
		of = append(of, pair.PacketList()...)
	}
	a.list[nack.MediaSSRC] = of[max(len(of)-window, 0):]
}

// take gives what was asked for of a stream since it was called last.
func (a *asking) take(ssrc uint32) []uint16 {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.list[ssrc]
	if of != nil {
		delete(a.list, ssrc)
	}
	return of
}

// stamp is the length of what a picture with a stamp ends with: a word and the time in ns since 1970. A decoder does not get that far.
const (
	stampWord = 0x7665636865_2121
	stamp     = 16
)

// stamped is a picture with the time of now, if the bot does so.
func (p *peer) stamped(picture []byte) []byte {
	if !p.bot.Stamps {
		return picture
	}
	b := append(make([]byte, 0, len(picture)+stamp), picture...)
	b = binary.BigEndian.AppendUint64(b, stampWord)
	return binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixNano()))
}

// delay is how long a picture has taken that ends with this packet, if it says when it was sent.
func (p *peer) delay(packet *rtp.Packet) (time.Duration, bool) {
	b := packet.Payload
	if !p.bot.Stamps || !packet.Marker || len(b) < stamp {
		return 0, false
	}
	b = b[len(b)-stamp:]
	if binary.BigEndian.Uint64(b) != stampWord {
		return 0, false
	}
	return time.Duration(time.Now().UnixNano() - int64(binary.BigEndian.Uint64(b[8:]))), true
}

// redundant is a packet of Opus with the one before (RFC 2198 §3), as Chromium sends it.
func redundant(before, now []byte) []byte {
	const step = 960 // samples
	b := make([]byte, 0, 5+len(before)+len(now))
	b = append(b, 0x80|111, byte(step>>6), byte(step<<2&0xff)|byte(len(before)>>8), byte(len(before)), 111)
	return append(append(b, before...), now...)
}
