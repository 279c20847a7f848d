package saltyrtc

import (
	"errors"

	"golang.org/x/crypto/nacl/box"

	"veche.example/internal/wsconn"
)

// client is one WebSocket. It implements wsconn.Handler.
type client struct {
	a     *Adapter
	c     *wsconn.Conn
	greet *greeting // until it is known who the client is

	shared key // of the session key of ours and the permanent key of theirs
	in     incoming
	path   *path // nil = not known yet

	// guarded by path.mu once there is a path
	out outgoing
	id  byte
	on  bool
}

// greeting is what the handshake with a client needs.
type greeting struct {
	request
	session pair
	known   bool // a client-hello has come
	theirs  key  // permanent key: of the path, or of the client-hello
}

// Opened implements wsconn.Opener.
func (k *client) Opened() {
	g := k.greet
	if err := k.a.admit(k.c, &g.request); err != nil {
		k.fail(err)
		return
	}
	g.session, g.theirs = randomPair(), g.key
	k.c.Keepalive(0, 0) // until it says what it wants
	hello := serverHello(g.session.public)
	n := k.out.next(server)
	_ = k.c.SendBinary(append(n[:], hello...)) // it is closing: Closed follows
}

// Message implements wsconn.Handler.
func (k *client) Message(data []byte, binary bool) {
	if err := k.receive(data, binary); err != nil {
		k.fail(err)
	}
}

// fail ends the connection for what the client has done.
func (k *client) fail(err error) {
	why := failure{closeInternal, "internal error"}
	errors.As(err, &why)
	k.a.stats.refused.Add(1)
	k.leave()
	k.c.Close(wsconn.Farewell{Code: why.code, Text: why.text})
}

// leave takes the client off its path; idempotent.
func (k *client) leave() {
	if k.path != nil {
		k.path.leave(k)
	}
}

// receive acts upon a message ("Receiving a Signalling Message").
func (k *client) receive(data []byte, binary bool) error {
	n, err := k.head(data, binary)
	if err != nil {
		return err
	}
	if n.dst() != server {
		k.path.relay(k, &n, data)
		return nil
	}
	if err := k.in.check(&n, k.out.cookie); err != nil {
		return err
	}
	if k.path != nil {
		return k.command(n, data[nonceSize:])
	}
	return k.handshake(n, data[nonceSize:])
}

// head takes the nonce off and checks the addresses.
func (k *client) head(data []byte, binary bool) (n nonce, err error) {
	switch {
	case !binary:
		return n, violation("a message is not binary")
	case len(data) <= nonceSize:
		return n, violation("a message has no more than 24 bytes")
	}
	n = nonce(data[:nonceSize])
	switch {
	case n.src() != k.id:
		return n, violation("the source is not the address of the sender")
	case n.dst() == server:
	case k.path == nil:
		return n, violation("the destination is not the server before the handshake is done")
	case (k.id == initiator) == (n.dst() == initiator):
		return n, violation("messages go from initiator to responder or back only")
	}
	return n, nil
}

// handshake takes a client-hello or a client-auth.
func (k *client) handshake(n nonce, data []byte) error {
	g := k.greet
	if !g.known {
		if typ, m, err := decode(data); err == nil && typ == typeClientHello {
			g.known = true
			g.theirs, err = parseHello(m)
			return err
		}
	}
	k.shared = g.session.shared(g.theirs)
	plain, ok := unseal(n, data, &k.shared)
	if !ok {
		return violation("client-auth: cannot be decrypted")
	}
	typ, m, err := decode(plain)
	if err != nil {
		return err
	}
	if typ != typeClientAuth {
		return violation("client-auth is what must come")
	}
	auth, err := parseAuth(m)
	if err != nil {
		return err
	}
	return k.authenticate(g, auth)
}

// authenticate lets the client onto the path and says so with a server-auth.
func (k *client) authenticate(g *greeting, auth clientAuth) error {
	if auth.cookie != k.out.cookie {
		return violation("client-auth: your_cookie is not the server's")
	}
	permanent := k.a.permanent(auth.key)
	if permanent == nil {
		return failure{closeInvalidKey, "the server has no such permanent key"}
	}
	welcome := func(id byte, present *bool, responders []byte) {
		n := k.out.next(id)
		signed := box.Seal(nil, append(g.session.public[:], g.theirs[:]...), (*[24]byte)(&n), (*[32]byte)(&g.theirs), (*[32]byte)(&permanent.private))
		_ = k.c.SendBinary(seal(n, serverAuth(k.in.cookie, signed, present, responders), &k.shared))
	}
	p := k.a.open(g.key)
	if g.known {
		if !p.enterResponder(k, welcome) {
			k.a.release(p)
			return failure{closePathFull, "no address is free on this path"}
		}
	} else {
		p.enterInitiator(k, welcome)
	}
	k.path, k.greet = p, nil
	k.a.stats.clients.Add(1)
	if auth.ping > 0 {
		k.c.Keepalive(auth.ping, auth.ping+k.a.pong)
	}
	k.c.Ready()
	return nil
}

// command takes what a client may tell the server later: an initiator drops responders.
func (k *client) command(n nonce, data []byte) error {
	plain, ok := unseal(n, data, &k.shared)
	if !ok {
		return violation("a message cannot be decrypted")
	}
	typ, m, err := decode(plain)
	switch {
	case err != nil:
		return err
	case typ != typeDrop || k.id != initiator:
		return violation("a message that must not come")
	}
	id, code, err := parseDrop(m)
	if err != nil {
		return err
	}
	k.path.drop(k, id, code)
	return nil
}

// tell sends a message of the server's own; path.mu is held.
func (k *client) tell(message []byte) {
	_ = k.c.SendBinary(seal(k.out.next(k.id), message, &k.shared)) // it is closing: Closed follows
}

// Limited implements wsconn.Handler.
func (k *client) Limited(data []byte, binary bool) {
	n, err := k.head(data, binary)
	switch {
	case err != nil:
		k.fail(err)
	case n.dst() == server: // left out, the next sequence number is wrong
		k.fail(failure{closePolicy, "too many messages"})
	default:
		k.path.limited(k, &n)
	}
}

// Farewell implements wsconn.Handler.
func (k *client) Farewell(why wsconn.Reason) wsconn.Farewell {
	switch why {
	case wsconn.Idle, wsconn.Timeout:
		return wsconn.Farewell{Code: closeTimeout, Text: "timeout"}
	case wsconn.Slow:
		return wsconn.Farewell{Code: closeTimeout, Text: "slow"}
	case wsconn.Panic:
		return wsconn.Farewell{Code: closeInternal, Text: "internal error"}
	default:
		return wsconn.Farewell{Text: string(why)}
	}
}

// Closed implements wsconn.Handler.
func (k *client) Closed(wsconn.End) {
	if k.path == nil {
		return
	}
	k.leave()
	k.a.stats.clients.Add(-1)
	k.a.release(k.path)
}
