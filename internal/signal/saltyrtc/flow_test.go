package saltyrtc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/crypto/nacl/box"

	"veche.example/internal/front"
	"veche.example/internal/signal/saltyrtc/msgpack"
)

func bin(b ...byte) []byte            { return msgpack.AppendBytes(nil, b) }
func repeat(b byte, n int) []byte     { return bin([]byte(strings.Repeat(string(rune(b)), n))...) }
func str(s string) []byte             { return msgpack.AppendString(nil, s) }
func (p *peer) drop(fields ...[]byte) { p.sealed(dropMessage(fields...)) }

// dropMessage is a drop-responder with pairs of names and encoded values.
func dropMessage(fields ...[]byte) []byte {
	b := begin("drop-responder", len(fields)/2)
	for _, f := range fields {
		b = append(b, f...)
	}
	return b
}

func reason(code int) []byte { return []byte{0xcd, byte(code >> 8), byte(code)} }

// TestHandshakeRules: each line breaks one rule for the way from server-hello to server-auth, and names how the
// server closes.
func TestHandshakeRules(t *testing.T) {
	change := func(name string, v []byte) func(*peer) {
		return func(p *peer) { p.clientAuth(map[string][]byte{name: v}) }
	}
	nonceOf := func(edit func(*nonce)) func(*peer) {
		return func(p *peer) {
			n := p.next(server)
			edit(&n)
			p.raw(seal(n, p.authWith(nil), &p.shared))
		}
	}
	afterHello := func(edit func(*nonce)) func(*peer) {
		return func(p *peer) {
			p.clientHello()
			nonceOf(edit)(p)
		}
	}
	for _, c := range []struct {
		rule string
		do   func(*peer)
		want int
	}{
		{"a message is binary", func(p *peer) { _ = p.ws.Write(p.ctx, websocket.MessageText, make([]byte, 40)) }, 3001},
		{"a message has more than 24 bytes", func(p *peer) { n := p.next(server); p.raw(n[:]) }, 3001},
		{"an empty message", func(p *peer) { p.raw(nil) }, 3001},
		{"the destination is 0 until authenticated", nonceOf(func(n *nonce) { n[17] = 1 }), 3001},
		{"also a responder's", nonceOf(func(n *nonce) { n[17] = 2 }), 3001},
		{"the source is 0 until there is an address", nonceOf(func(n *nonce) { n[16] = 1 }), 3001},
		{"the first overflow number is 0", nonceOf(func(n *nonce) { n[19] = 1 }), 3001},
		{"the cookie is not the server's", func(p *peer) { p.out.cookie = p.server; p.clientAuth(nil) }, 3001},
		{"the cookie stays", afterHello(func(n *nonce) { n[0]++ }), 3001},
		{"the sequence number is not repeated", afterHello(func(n *nonce) { *n = makeNonce(n.cookie(), 0, 0, n.number()-1) }), 3001},
		{"the sequence number skips nothing", afterHello(func(n *nonce) { *n = makeNonce(n.cookie(), 0, 0, n.number()+1) }), 3001},
		{"the overflow number stays", afterHello(func(n *nonce) { n[19]++ }), 3001},
		{"what is not encrypted is a client-hello", func(p *peer) { p.plain(p.authWith(nil)) }, 3001},
		{"no MessagePack", func(p *peer) { p.plain([]byte("nonsense that is long enough to be a box")) }, 3001},
		{"encrypted no MessagePack", func(p *peer) { p.sealed([]byte{0xc1}) }, 3001},
		{"something after the message", func(p *peer) { p.sealed(append(p.authWith(nil), 0)) }, 3001},
		{"a client-hello only once", func(p *peer) { p.clientHello(); p.clientHello() }, 3001},
		{"client-hello: the key has 32 bytes", func(p *peer) {
			p.plain(append(msgpack.AppendString(begin("client-hello", 1), "key"), repeat('k', 31)...))
		}, 3001},
		{"client-hello: the key is there", func(p *peer) { p.plain(begin("client-hello", 0)) }, 3001},
		{"client-hello: the key is binary", func(p *peer) {
			p.plain(append(msgpack.AppendString(begin("client-hello", 1), "key"), str(strings.Repeat("k", 31))...))
		}, 3001},
		{"client-auth is encrypted for the path", func(p *peer) { p.shared = key{}; p.clientAuth(nil) }, 3001},
		{"client-auth is encrypted for the client-hello", func(p *peer) { p.clientHello(); p.shared = key{}; p.clientAuth(nil) }, 3001},
		{"the type", change("type", str("client-hallo")), 3001},
		{"the type is a string", change("type", []byte{5}), 3001},
		{"the type is there", change("type", nil), 3001},
		{"another message", change("type", str("drop-responder")), 3001},
		{"your_cookie is there", change("your_cookie", nil), 3001},
		{"your_cookie is the server's", change("your_cookie", repeat('c', 16)), 3001},
		{"your_cookie has 16 bytes", change("your_cookie", repeat('c', 15)), 3001},
		{"your_cookie is binary", change("your_cookie", str(strings.Repeat("c", 16))), 3001},
		{"subprotocols is there", change("subprotocols", nil), 3001},
		{"subprotocols is an array", change("subprotocols", str(subprotocol)), 3001},
		{"subprotocols has strings", change("subprotocols", append(append([]byte{0x92}, str(subprotocol)...), 1)), 3001},
		{"subprotocols has the one agreed on", change("subprotocols", append([]byte{0x91}, str("v0.saltyrtc.org")...)), 3001},
		{"subprotocols is not empty", change("subprotocols", []byte{0x90}), 3001},
		{"ping_interval is there", change("ping_interval", nil), 3001},
		{"ping_interval is not negative", change("ping_interval", []byte{0xff}), 3001},
		{"ping_interval is an integer", change("ping_interval", []byte{0xcb, 0x40, 0, 0, 0, 0, 0, 0, 0}), 3001},
		{"ping_interval is no string", change("ping_interval", str("30")), 3001},
		{"no field is Nil", change("your_key", []byte{0xc0}), 3001},
		{"no unknown field is Nil", change("more", []byte{0xc0}), 3001},
		{"your_key has 32 bytes", change("your_key", repeat('k', 33)), 3001},
		{"your_key is one of the server's", change("your_key", repeat('k', 32)), 3007},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStand(t, front.Config{}, Options{})
			p := s.hello(s.own)
			c.do(p)
			if got := p.ended(); got != c.want {
				t.Errorf("close code %d, want %d", got, c.want)
			}
			if n := s.a.Stats().Clients; n != 0 {
				t.Errorf("%d clients", n)
			}
		})
	}
}

// TestHandshakeAllows: what the specification lets a client do.
func TestHandshakeAllows(t *testing.T) {
	old := randomPair()
	for _, c := range []struct {
		what    string
		changes map[string][]byte
	}{
		{"fields that nobody knows", map[string][]byte{"more": {0x01}, "ext": {0xd4, 1, 2}}},
		{"a long ping_interval", map[string][]byte{"ping_interval": {0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}},
		{"one subprotocol", map[string][]byte{"subprotocols": append([]byte{0x91}, str(subprotocol)...)}},
		{"a fallback key of the server", map[string][]byte{"your_key": bin(old.public[:]...)}},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newStand(t, front.Config{}, Options{Keys: [][32]byte{{1}, old.private}})
			p := s.hello(s.own)
			p.clientAuth(c.changes)
			if p.expect("server-auth"); p.id != initiator {
				t.Errorf("address %d", p.id)
			}
		})
	}
}

// TestSequenceNumberOverflows: from 32 bits into the overflow number, and not around.
func TestSequenceNumberOverflows(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	p := s.hello(randomPair())
	p.out.number = 0xffffffff
	p.clientHello()
	p.clientAuth(nil)
	if p.expect("server-auth"); p.id != firstResponder {
		t.Errorf("address %d", p.id)
	}
	i := incoming{began: true, number: lastNumber}
	n := makeNonce(cookie{}, 0, 0, 0)
	if i.check(&n, cookie{1}) == nil {
		t.Error("the number has begun anew")
	}
}

// TestSignedKeys: the permanent key that the client has named vouches for the session key, else the primary.
func TestSignedKeys(t *testing.T) {
	primary, fallback := randomPair(), randomPair()
	s := newStand(t, front.Config{}, Options{Keys: [][32]byte{primary.private, fallback.private}})
	for _, c := range []struct {
		name    string
		changes map[string][]byte
		by      pair
	}{
		{"primary", nil, primary},
		{"named", map[string][]byte{"your_key": bin(primary.public[:]...)}, primary},
		{"fallback", map[string][]byte{"your_key": bin(fallback.public[:]...)}, fallback},
	} {
		p := s.hello(s.own)
		p.clientAuth(c.changes)
		n, data := p.read()
		text, ok := unseal(n, data, &p.shared)
		m, err := msgpack.Decode(text)
		if !ok || err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, ok := box.Open(nil, m["signed_keys"].([]byte), (*[24]byte)(&n), (*[32]byte)(&c.by.public), (*[32]byte)(&p.keys.private))
		if want := string(p.session[:]) + string(p.keys.public[:]); !ok || string(got) != want {
			t.Errorf("%s: %v %x", c.name, ok, got)
		}
		if p.session == primary.public || p.session == fallback.public {
			t.Errorf("%s: the session key is a permanent one", c.name)
		}
	}
}

func TestSessionKeysAndCookiesAreNew(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	a, b := s.hello(s.own), s.hello(s.own)
	if a.session == b.session || a.server == b.server || a.number == b.number {
		t.Error("two clients have the same of something")
	}
}

// TestMeeting: who is told what when clients come and go.
func TestMeeting(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	r2 := s.entered(false)
	i, there := s.initiator()
	if r2.id != 2 || fmt.Sprint(there) != "[2]" {
		t.Fatalf("responder %d, the initiator sees %v", r2.id, there)
	}
	r2.expect("new-initiator")
	r3 := s.entered(true)
	if m := i.expect("new-responder"); m["id"] != int64(3) || r3.id != 3 {
		t.Fatalf("%v, address %d", m, r3.id)
	}
	i.relayed(r3.to(1, "key"))
	r3.relayed(i.to(3, "key back"))
	r2.close()
	if m := i.expect("disconnected"); m["id"] != int64(2) {
		t.Fatalf("%v", m)
	}
	r4 := s.entered(true) // the first address that is free
	if m := i.expect("new-responder"); m["id"] != int64(2) || r4.id != 2 {
		t.Fatalf("%v, address %d", m, r4.id)
	}
	i.close()
	for _, r := range []*peer{r3, r4} {
		if m := r.expect("disconnected"); m["id"] != int64(1) {
			t.Fatalf("%v", m)
		}
	}
	i, there = s.initiator()
	if fmt.Sprint(there) != "[2 3]" {
		t.Fatalf("the initiator sees %v", there)
	}
	r3.expect("new-initiator")
	r4.expect("new-initiator")
	r3.relayed(i.to(3, "again"))
	s.until("all is counted", func() bool { // behind what is sent
		st := s.a.Stats()
		return st.Clients == 3 && st.Relayed == 3
	})
}

// TestNewInitiator drops the one before, who is not said to have disconnected.
func TestNewInitiator(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	old, _ := s.initiator()
	r := s.entered(true)
	old.expect("new-responder")
	fresh, there := s.initiator()
	if got := old.ended(); got != 3004 || fmt.Sprint(there) != "[2]" {
		t.Errorf("close code %d, responders %v", got, there)
	}
	r.expect("new-initiator")
	r.relayed(fresh.to(2, "hello"))
	fresh.relayed(r.to(1, "hello"))
}

// TestAfterHandshake: each line breaks one rule for what comes later.
func TestAfterHandshake(t *testing.T) {
	id, why := str("id"), str("reason")
	for _, c := range []struct {
		rule      string
		responder bool
		do        func(*peer)
	}{
		{"the source is one's own address", false, func(p *peer) { p.id = 2; p.to(2, "x") }},
		{"also towards the server", false, func(p *peer) { p.id = 0; p.drop(id, []byte{2}) }},
		{"a responder is not the initiator", true, func(p *peer) { p.id = 1; p.to(2, "x") }},
		{"a responder is not another one", true, func(p *peer) { p.id++; p.to(1, "x") }},
		{"the initiator sends to responders only", false, func(p *peer) { p.to(1, "x") }},
		{"a responder sends to the initiator only", true, func(p *peer) { p.to(3, "x") }},
		{"nobody to oneself", true, func(p *peer) { p.to(p.id, "x") }},
		{"a relayed message has a body", true, func(p *peer) { p.to(1, "") }},
		{"a relayed message is binary", true, func(p *peer) {
			n := makeNonce(cookie{1}, p.id, 1, 7)
			n[16] = p.id
			_ = p.ws.Write(p.ctx, websocket.MessageText, append(n[:], "x"...))
		}},
		{"the cookie stays", false, func(p *peer) { p.out.cookie[0]++; p.drop(id, []byte{2}) }},
		{"the sequence number is the next one", false, func(p *peer) { p.out.number++; p.drop(id, []byte{2}) }},
		{"the sequence number is not the last one", false, func(p *peer) { p.out.number--; p.drop(id, []byte{2}) }},
		{"commands are encrypted", false, func(p *peer) { p.plain(dropMessage(id, []byte{2})) }},
		{"with the session key", false, func(p *peer) { p.shared = key{}; p.drop(id, []byte{2}) }},
		{"no MessagePack", false, func(p *peer) { p.sealed([]byte{0xc1}) }},
		{"client-auth once", false, func(p *peer) { p.clientAuth(nil) }},
		{"client-hello once", true, func(p *peer) { p.clientHello() }},
		{"an unknown command", false, func(p *peer) { p.sealed(begin("news", 0)) }},
		{"a server's message", false, func(p *peer) { p.sealed(withID("new-responder", 9)) }},
		{"drop-responder is the initiator's", true, func(p *peer) { p.drop(id, []byte{3}) }},
		{"drop-responder has an id", false, func(p *peer) { p.drop() }},
		{"the id is a number", false, func(p *peer) { p.drop(id, str("2")) }},
		{"the id is not the server", false, func(p *peer) { p.drop(id, []byte{0}) }},
		{"the id is not the initiator", false, func(p *peer) { p.drop(id, []byte{1}) }},
		{"the id is a byte", false, func(p *peer) { p.drop(id, []byte{0xcd, 1, 0}) }},
		{"the id is not Nil", false, func(p *peer) { p.drop(id, []byte{0xc0}) }},
		{"the reason is a number", false, func(p *peer) { p.drop(id, []byte{2}, why, str("3001")) }},
		{"the reason is not Nil", false, func(p *peer) { p.drop(id, []byte{2}, why, []byte{0xc0}) }},
		{"the reason is not 1001", false, func(p *peer) { p.drop(id, []byte{2}, why, reason(1001)) }},
		{"the reason is not 3000", false, func(p *peer) { p.drop(id, []byte{2}, why, reason(3000)) }},
		{"the reason is not 3003", false, func(p *peer) { p.drop(id, []byte{2}, why, reason(3003)) }},
		{"the reason is not 3007", false, func(p *peer) { p.drop(id, []byte{2}, why, reason(3007)) }},
		{"the reason is not 3008", false, func(p *peer) { p.drop(id, []byte{2}, why, reason(3008)) }},
		{"the reason is in the list", false, func(p *peer) { p.drop(id, []byte{2}, why, reason(4000)) }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStand(t, front.Config{}, Options{})
			i, _ := s.initiator()
			r := s.entered(true)
			i.expect("new-responder")
			bad, good, gone := i, r, int64(initiator)
			if c.responder {
				bad, good, gone = r, i, firstResponder
			}
			c.do(bad)
			if got := bad.ended(); got != 3001 {
				t.Errorf("close code %d", got)
			}
			if m := good.expect("disconnected"); m["id"] != gone { // and nothing else before it
				t.Errorf("%v", m)
			}
		})
	}
}

// TestDropResponder: with each reason, and without one.
func TestDropResponder(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	i, _ := s.initiator()
	for _, code := range []int{0, 3001, 3002, 3004, 3005, 3006} {
		r := s.entered(true)
		i.expect("new-responder")
		fields := [][]byte{str("id"), {2}}
		want := 3004
		if code != 0 {
			fields, want = append(fields, str("reason"), reason(code)), code
		}
		i.drop(fields...)
		if got := r.ended(); got != want {
			t.Errorf("close code %d, want %d", got, want)
		}
	}
	i.drop(str("id"), []byte{0xcc, 200}) // nobody: not worth a word
	s.entered(true)
	if m := i.expect("new-responder"); m["id"] != int64(2) { // none of them is said to have disconnected
		t.Errorf("%v", m)
	}
}

// TestSendError names the message by the last 8 bytes of its nonce.
func TestSendError(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	r := s.entered(false)
	sent := r.to(1, "to nobody")
	if m := r.expect("send-error"); string(m["id"].([]byte)) != string(sent[16:24]) {
		t.Errorf("%v", m)
	}
	i, _ := s.initiator()
	r.expect("new-initiator")
	sent = i.to(0xff, "to nobody")
	if m := i.expect("send-error"); string(m["id"].([]byte)) != string(sent[16:24]) {
		t.Errorf("%v", m)
	}
	r.relayed(i.to(2, "goes on"))
	s.until("all is counted", func() bool { return s.a.Stats().Dropped["undelivered"] == 2 })
}

// TestPathFull: 254 responders, and not one more until one has gone.
func TestPathFull(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	var last *peer
	for id := firstResponder; id <= lastResponder; id++ {
		if last = s.entered(false); int(last.id) != id {
			t.Fatalf("address %d, want %d", last.id, id)
		}
	}
	if got := s.responder().ended(); got != 3000 {
		t.Errorf("close code %d", got)
	}
	i, there := s.initiator()
	if len(there) != 254 || there[253] != int64(255) {
		t.Errorf("%d responders: %v", len(there), there)
	}
	last.expect("new-initiator")
	i.relayed(last.to(1, "from the last"))
	i.drop(str("id"), []byte{0xcc, 255})
	last.ended()
	if r := s.entered(true); r.id != 255 {
		t.Errorf("address %d", r.id)
	}
}

// TestHandover: 3003, like every other code of a client's, is not the server's business.
func TestHandover(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	i, _ := s.initiator()
	r := s.entered(true)
	i.expect("new-responder")
	_ = r.ws.Close(3003, "")
	if m := i.expect("disconnected"); m["id"] != int64(2) {
		t.Errorf("%v", m)
	}
	_ = i.ws.Close(3003, "")
	s.until("the path is forgotten", func() bool {
		s.a.mu.Lock()
		defer s.a.mu.Unlock()
		return len(s.a.paths) == 0
	})
}
