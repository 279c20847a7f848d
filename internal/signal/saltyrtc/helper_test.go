package saltyrtc

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
	"golang.org/x/crypto/nacl/box"

	"veche.example/internal/front"
	"veche.example/internal/signal/saltyrtc/msgpack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// stand is a front-end behind a web server.
type stand struct {
	t   testing.TB
	a   *Adapter
	url string // http://HOST
	own pair   // an initiator's
}

func newStand(t testing.TB, c front.Config, o Options) *stand {
	t.Helper()
	a := New(c, o)
	web := httptest.NewServer(a)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.CloseClientConnections()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &stand{t, a, web.URL, randomPair()}
}

func (s *stand) path() string { return "/" + hex.EncodeToString(s.own.public[:]) }

// until waits for what the server is about to notice.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
	}
}

// peer is a client by hand, which can do everything wrong.
type peer struct {
	t    testing.TB
	ws   *websocket.Conn
	ctx  context.Context
	keys pair // permanent

	session key // the server's
	shared  key
	server  cookie // of its nonces
	number  uint64 // of its last one
	heard   bool
	out     outgoing
	id      byte
}

func (s *stand) dial(path string, keys pair, o *websocket.DialOptions) *peer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	if o == nil {
		o = &websocket.DialOptions{Subprotocols: []string{"x.example", subprotocol}}
	}
	ws, resp, err := websocket.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+path, o)
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(-1)
	s.t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	return &peer{t: s.t, ws: ws, ctx: ctx, keys: keys, out: newOutgoing()}
}

// hello dials and takes the server-hello.
func (s *stand) hello(keys pair) *peer {
	s.t.Helper()
	return s.dialHello(keys, nil)
}

func (s *stand) dialHello(keys pair, o *websocket.DialOptions) *peer {
	s.t.Helper()
	p := s.dial(s.path(), keys, o)
	n, data := p.read()
	m, err := msgpack.Decode(data)
	if err != nil || m["type"] != "server-hello" || n.src() != 0 || n.dst() != 0 || n.number() > 0xffffffff {
		s.t.Fatalf("server-hello: %v, %v, nonce %x", m, err, n)
	}
	p.session = key(m["key"].([]byte))
	p.shared = p.keys.shared(p.session)
	return p
}

// responder does the handshake up to the client-auth.
func (s *stand) responder() *peer {
	s.t.Helper()
	p := s.hello(randomPair())
	p.clientHello()
	p.clientAuth(nil)
	return p
}

// initiator does the handshake, and returns the responders that it is told of.
func (s *stand) initiator() (*peer, []any) {
	s.t.Helper()
	p := s.hello(s.own)
	p.clientAuth(nil)
	m := p.expect("server-auth")
	p.serverAuth(m)
	return p, m["responders"].([]any)
}

// entered is a responder that knows its address; present: there is an initiator.
func (s *stand) entered(present bool) *peer {
	s.t.Helper()
	p := s.responder()
	m := p.expect("server-auth")
	p.serverAuth(m)
	if m["initiator_connected"] != present {
		s.t.Fatalf("server-auth: %v", m)
	}
	return p
}

func (p *peer) clientHello() {
	p.plain(msgpack.AppendBytes(msgpack.AppendString(begin("client-hello", 1), "key"), p.keys.public[:]))
}

// authFields are those of a good client-auth, encoded.
func (p *peer) authFields() map[string][]byte {
	return map[string][]byte{
		"type":          msgpack.AppendString(nil, "client-auth"),
		"your_cookie":   msgpack.AppendBytes(nil, p.server[:]),
		"subprotocols":  msgpack.AppendString(msgpack.AppendString(msgpack.AppendArray(nil, 2), "x.example"), subprotocol),
		"ping_interval": {0},
	}
}

// clientAuth sends a client-auth with changed fields; nil takes one away.
func (p *peer) clientAuth(changes map[string][]byte) {
	p.t.Helper()
	p.sealed(p.authWith(changes))
}

func (p *peer) authWith(changes map[string][]byte) []byte {
	fields := p.authFields()
	for name, v := range changes {
		if fields[name] = v; v == nil {
			delete(fields, name)
		}
	}
	return encode(fields)
}

func encode(fields map[string][]byte) []byte {
	b := msgpack.AppendMap(nil, len(fields))
	for name, v := range fields {
		b = append(msgpack.AppendString(b, name), v...)
	}
	return b
}

func (p *peer) serverAuth(m msgpack.Map) {
	p.t.Helper()
	if cookie(m["your_cookie"].([]byte)) != p.out.cookie {
		p.t.Fatalf("server-auth: %v", m)
	}
}

// plain sends a message in the clear to the server, sealed one that is encrypted for it.
func (p *peer) plain(data []byte) {
	p.t.Helper()
	n := p.next(server)
	p.raw(append(n[:], data...))
}

func (p *peer) sealed(data []byte) {
	p.t.Helper()
	p.raw(seal(p.next(server), data, &p.shared))
}

func (p *peer) next(dst byte) nonce {
	n := p.out.next(dst)
	n[16] = p.id
	return n
}

func (p *peer) raw(message []byte) {
	p.t.Helper()
	if err := p.ws.Write(p.ctx, websocket.MessageBinary, message); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// to sends something to another client and returns the message.
func (p *peer) to(dst byte, text string) []byte {
	p.t.Helper()
	n := makeNonce(cookie{dst, p.id}, p.id, dst, 7)
	message := append(n[:], text...)
	p.raw(message)
	return message
}

// read takes one message; those of the server must have the nonces that the specification asks for.
func (p *peer) read() (nonce, []byte) {
	p.t.Helper()
	typ, data, err := p.ws.Read(p.ctx)
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	if typ != websocket.MessageBinary || len(data) <= nonceSize {
		p.t.Fatalf("got %v %q", typ, data)
	}
	n := nonce(data[:nonceSize])
	if n.src() != server {
		return n, data
	}
	if p.heard && (n.cookie() != p.server || n.number() != p.number+1) {
		p.t.Fatalf("nonce %x after number %d", n, p.number)
	}
	p.heard, p.server, p.number = true, n.cookie(), n.number()
	return n, data[nonceSize:]
}

// expect takes one message of the server.
func (p *peer) expect(typ string) msgpack.Map {
	p.t.Helper()
	n, data := p.read()
	plain, ok := unseal(n, data, &p.shared)
	if !ok {
		p.t.Fatalf("want %s: cannot be decrypted", typ)
	}
	m, err := msgpack.Decode(plain)
	if err != nil || m["type"] != typ {
		p.t.Fatalf("want %s, got %v, %v", typ, m, err)
	}
	if typ == "server-auth" {
		p.id = n.dst()
		p.signed(n, m)
	}
	if n.dst() != p.id {
		p.t.Fatalf("%s to %d, not to %d", typ, n.dst(), p.id)
	}
	return m
}

// signed opens signed_keys with the key that vouches, "" = none known.
func (p *peer) signed(n nonce, m msgpack.Map) {
	raw, ok := m["signed_keys"].([]byte)
	if !ok || len(raw) != 64+box.Overhead {
		p.t.Fatalf("signed_keys: %v", m)
	}
}

// relayed takes one message of another client.
func (p *peer) relayed(want []byte) {
	p.t.Helper()
	if _, data := p.read(); !bytes.Equal(data, want) {
		p.t.Fatalf("got %x, want %x", data, want)
	}
}

// ended reads until the connection is closed and returns the close code.
func (p *peer) ended() int {
	p.t.Helper()
	for {
		if _, _, err := p.ws.Read(p.ctx); err != nil {
			var said websocket.CloseError
			if !errors.As(err, &said) {
				p.t.Fatalf("no close frame: %v", err)
			}
			return int(said.Code)
		}
	}
}

func (p *peer) close() { _ = p.ws.Close(websocket.StatusCode(1001), "") }
