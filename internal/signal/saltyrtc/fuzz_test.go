package saltyrtc

import (
	"testing"

	"veche.example/internal/signal/saltyrtc/msgpack"
)

// FuzzMessage: whatever comes is read or is a protocol error, and what is read keeps to its bounds.
func FuzzMessage(f *testing.F) {
	p := &peer{}
	f.Add(p.authWith(nil))
	f.Add(p.authWith(map[string][]byte{"your_key": repeat('k', 32)}))
	f.Add(encode(map[string][]byte{"type": str("client-hello"), "key": repeat('k', 32)}))
	f.Add(dropMessage(str("id"), []byte{0xcc, 0xff}, str("reason"), reason(3005)))
	f.Add([]byte{0x81, 0xc1})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, m, err := decode(data)
		if err != nil {
			return
		}
		_, _ = parseHello(m)
		if a, err := parseAuth(m); err == nil && (a.ping < 0 || a.ping > maxPing) {
			t.Errorf("ping %v", a.ping)
		}
		if id, code, err := parseDrop(m); err == nil && (id < firstResponder || code < closeProtocol || code > closeNoTask) {
			t.Errorf("drop %d %d", id, code)
		}
	})
}

// FuzzNonce: two messages in a row are taken only if the second follows the first.
func FuzzNonce(f *testing.F) {
	f.Add([]byte("0123456789abcdef\x01\x02\x00\x00\x00\x00\x00\x010123456789abcdef\x01\x02\x00\x00\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) != 2*nonceSize {
			return
		}
		a, b := nonce(data[:nonceSize]), nonce(data[nonceSize:])
		var i incoming
		if i.check(&a, cookie{}) != nil || i.check(&b, cookie{}) != nil {
			return
		}
		if a.number() > 0xffffffff || b.number() != a.number()+1 || a.cookie() != b.cookie() {
			t.Errorf("%x %x", a, b)
		}
		if n := makeNonce(a.cookie(), a.src(), a.dst(), a.number()); n != a {
			t.Errorf("%x is not %x", n, a)
		}
	})
}

func TestMessages(t *testing.T) {
	yes := true
	for want, data := range map[string][]byte{
		"server-hello": serverHello(key{1}), "new-initiator": newInitiator(), "new-responder": withID("new-responder", 200),
		"send-error": sendError(&nonce{}), "server-auth": serverAuth(cookie{}, make([]byte, 80), &yes, nil),
	} {
		if m, err := msgpack.Decode(data); err != nil || m["type"] != want {
			t.Errorf("%s: %v %v", want, m, err)
		}
	}
}
