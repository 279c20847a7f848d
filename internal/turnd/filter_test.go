package turnd

import (
	"net"
	"testing"

	"github.com/pion/stun/v4"
)

func TestJudge(t *testing.T) {
	r := newRig(t, nil)
	known := keyOf(&net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, r.udp)
	stranger := keyOf(&net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2}, r.udp)
	r.clients.created(known)
	defer r.clients.deleted(known)
	msg := func(m stun.Method, c stun.MessageClass) []byte {
		return stun.MustBuild(stun.TransactionID, stun.NewType(m, c)).Raw
	}
	long := msg(stun.MethodBinding, stun.ClassRequest)
	for name, c := range map[string]struct {
		in              []byte
		known, stranger dropReason
	}{
		"empty":             {nil, dropMalformed, dropMalformed},
		"short":             {[]byte{0, 1, 0}, dropMalformed, dropMalformed},
		"no cookie":         {make([]byte, 20), dropMalformed, dropMalformed},
		"trailing bytes":    {append(long[:len(long):len(long)], 0), dropMalformed, dropMalformed},
		"data":              {[]byte{0x40, 0, 0, 1, 9}, dropNone, dropNoAllocation},
		"data cut":          {[]byte{0x40, 0, 0, 2, 9}, dropMalformed, dropMalformed},
		"reserved channel":  {[]byte{0x50, 0, 0, 1, 9, 0, 0, 0}, dropMalformed, dropMalformed},
		"send":              {msg(stun.MethodSend, stun.ClassIndication), dropNone, dropNoAllocation},
		"send as a request": {msg(stun.MethodSend, stun.ClassRequest), dropMethod, dropMethod},
		"binding":           {msg(stun.MethodBinding, stun.ClassRequest), dropNone, dropNone},
		"indication":        {msg(stun.MethodBinding, stun.ClassIndication), dropMethod, dropMethod},
		"response":          {msg(stun.MethodAllocate, stun.ClassSuccessResponse), dropMethod, dropMethod},
		"allocate":          {msg(stun.MethodAllocate, stun.ClassRequest), dropNone, dropNone},
		"refresh":           {msg(stun.MethodRefresh, stun.ClassRequest), dropNone, dropNone},
		"channel bind":      {msg(stun.MethodChannelBind, stun.ClassRequest), dropNone, dropNone},
		"connect":           {msg(stun.MethodConnect, stun.ClassRequest), dropMethod, dropMethod},
		"connection bind":   {msg(stun.MethodConnectionBind, stun.ClassRequest), dropMethod, dropMethod},
	} {
		if got := r.judge(known, c.in); got != c.known {
			t.Errorf("%s, known: %s, want %s", name, dropNames[got], dropNames[c.known])
		}
		if got := r.judge(stranger, c.in); got != c.stranger {
			t.Errorf("%s, stranger: %s, want %s", name, dropNames[got], dropNames[c.stranger])
		}
	}
}

func TestChannelNumber(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want uint16
	}{
		"alone":        {[]byte{0, 0x0c, 0, 4, 0x40, 7, 0, 0}, 0x4007},
		"second":       {[]byte{0x80, 0x22, 0, 1, 9, 0, 0, 0, 0, 0x0c, 0, 4, 0x40, 7, 0, 0}, 0x4007},
		"wrong length": {[]byte{0, 0x0c, 0, 2, 0x40, 7, 0, 0}, 0},
		"beyond":       {[]byte{0, 0x0c, 0, 8, 0x40, 7, 0, 0}, 0},
		"none":         {nil, 0},
	} {
		if n, ok := channelNumber(c.in); n != c.want || ok != (c.want != 0) {
			t.Errorf("%s: %x %v", name, n, ok)
		}
	}
}

// FuzzClient: what a client sends, over UDP or as a stream, neither crashes the filter nor gets a longer or malformed
// frame through it. Frames of a stream are never longer than Pion's buffer and always make progress.
func FuzzClient(f *testing.F) {
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint).Raw)
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodChannelBind, stun.ClassRequest), channelAttr(0x4001)).Raw)
	f.Add([]byte{0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0x40, 1, 0, 0})
	f.Add([]byte{0, 1, 0xff, 0xff})
	r := newRig(f, nil)
	k := keyOf(&net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, r.udp)
	r.clients.created(k)
	f.Cleanup(func() { r.clients.deleted(k) })
	f.Fuzz(func(t *testing.T, b []byte) {
		if r.judge(k, b) == dropNone && (len(b) < channelHeader || b[0] > lastChannel) {
			t.Fatalf("%x was let through", b)
		}
		for rest := b; len(rest) > 0; {
			n, err := frameLength(rest)
			if err != nil || n == 0 || n > len(rest) {
				break
			}
			if n < channelHeader || n > maxFrame {
				t.Fatalf("a frame of %d bytes", n)
			}
			r.judge(k, rest[:n])
			rest = rest[n:]
		}
	})
}
