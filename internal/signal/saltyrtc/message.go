package saltyrtc

import (
	"bytes"
	"math"
	"time"

	"veche.example/internal/signal/saltyrtc/msgpack"
)

// Close codes ("Close Code Enumeration"); 1001 and 1002 are those of RFC 6455 §7.4.1.
const (
	closeProtocolWS  = 1002
	closePolicy      = 1008
	closePathFull    = 3000
	closeProtocol    = 3001
	closeInternal    = 3002
	closeDropped     = 3004
	closeNoDecrypt   = 3005
	closeNoTask      = 3006
	closeInvalidKey  = 3007
	closeTimeout     = 3008
	subprotocol      = "v1.saltyrtc.org"
	maxPing          = 24 * time.Hour
	pongTimeout      = 30 * time.Second // "is RECOMMENDED"
	typeClientHello  = "client-hello"
	typeClientAuth   = "client-auth"
	typeDrop         = "drop-responder"
	fieldType        = "type"
	fieldKey         = "key"
	fieldID          = "id"
	fieldYourCookie  = "your_cookie"
	fieldYourKey     = "your_key"
	fieldSubprotocol = "subprotocols"
	fieldPing        = "ping_interval"
	fieldReason      = "reason"
)

// failure ends a connection with a close code.
type failure struct {
	code int
	text string
}

func (f failure) Error() string { return f.text }

// violation is a "Protocol Error".
func violation(text string) error { return failure{closeProtocol, text} }

// decode reads a message between client and server and checks what is true for all of them: the type is there, and
// no field is Nil.
func decode(data []byte) (typ string, m msgpack.Map, err error) {
	m, err = msgpack.Decode(data)
	if err != nil {
		return "", nil, violation(err.Error())
	}
	for _, v := range m {
		if v == nil {
			return "", nil, violation("a field is Nil")
		}
	}
	typ, ok := m[fieldType].(string)
	if !ok {
		return "", nil, violation("no type")
	}
	return typ, m, nil
}

// parseHello reads a client-hello.
func parseHello(m msgpack.Map) (k key, err error) {
	raw, ok := m[fieldKey].([]byte)
	if !ok || len(raw) != keySize {
		return k, violation("client-hello: the key has not 32 bytes")
	}
	return key(raw), nil
}

// clientAuth is a client-auth.
type clientAuth struct {
	cookie cookie
	ping   time.Duration // 0 = none
	key    *key          // the permanent key of the server that the client knows, nil = none
}

func parseAuth(m msgpack.Map) (a clientAuth, err error) {
	raw, ok := m[fieldYourCookie].([]byte)
	if !ok || len(raw) != cookieSize {
		return a, violation("client-auth: your_cookie has not 16 bytes")
	}
	a.cookie = cookie(raw)
	if err := checkSubprotocols(m[fieldSubprotocol]); err != nil {
		return a, err
	}
	switch n := m[fieldPing].(type) {
	case int64:
		if n < 0 {
			return a, violation("client-auth: ping_interval is negative")
		}
		a.ping = time.Duration(min(n, int64(maxPing/time.Second))) * time.Second
	case uint64:
		a.ping = maxPing
	default:
		return a, violation("client-auth: ping_interval is no integer")
	}
	if v, there := m[fieldYourKey]; there {
		raw, ok := v.([]byte)
		if !ok || len(raw) != keySize {
			return a, violation("client-auth: your_key has not 32 bytes")
		}
		a.key = (*key)(bytes.Clone(raw))
	}
	return a, nil
}

// checkSubprotocols chooses as the handshake of the WebSocket did: ours is the only one.
func checkSubprotocols(v any) error {
	list, ok := v.([]any)
	if !ok {
		return violation("client-auth: subprotocols is no array")
	}
	found := false
	for _, one := range list {
		text, ok := one.(string)
		if !ok {
			return violation("client-auth: a subprotocol is no string")
		}
		found = found || text == subprotocol
	}
	if !found {
		return violation("client-auth: subprotocols has not what was agreed on")
	}
	return nil
}

// parseDrop reads a drop-responder: whom, and the close code.
func parseDrop(m msgpack.Map) (id byte, code int, err error) {
	n, ok := m[fieldID].(int64)
	if !ok || n < firstResponder || n > lastResponder {
		return 0, 0, violation("drop-responder: the id is no responder's")
	}
	v, there := m[fieldReason]
	if !there {
		return byte(n), closeDropped, nil
	}
	reason, ok := v.(int64)
	if !ok || reason > math.MaxInt16 {
		return 0, 0, violation("drop-responder: the reason is no close code")
	}
	switch reason {
	// closeNoTask is not in the specification's list, but @saltyrtc/client sends it.
	case closeProtocol, closeInternal, closeDropped, closeNoDecrypt, closeNoTask:
		return byte(n), int(reason), nil
	}
	return 0, 0, violation("drop-responder: not a reason to drop")
}

// begin starts a message of n fields besides the type.
func begin(typ string, n int) []byte {
	b := msgpack.AppendMap(make([]byte, 0, 64), n+1)
	return msgpack.AppendString(msgpack.AppendString(b, fieldType), typ)
}

func serverHello(k key) []byte {
	return msgpack.AppendBytes(msgpack.AppendString(begin("server-hello", 1), fieldKey), k[:])
}

// withID is new-responder and disconnected.
func withID(typ string, id byte) []byte {
	return msgpack.AppendByte(msgpack.AppendString(begin(typ, 1), fieldID), id)
}

func newInitiator() []byte { return begin("new-initiator", 0) }

// sendError names the message that could not be relayed, by the end of its nonce.
func sendError(n *nonce) []byte {
	return msgpack.AppendBytes(msgpack.AppendString(begin("send-error", 1), fieldID), n[cookieSize:])
}

// serverAuth makes a server-auth: for a responder with present, whether there is an initiator; for an initiator with
// the responders' addresses.
func serverAuth(theirs cookie, signed []byte, present *bool, responders []byte) []byte {
	b := begin("server-auth", 3)
	b = msgpack.AppendBytes(msgpack.AppendString(b, fieldYourCookie), theirs[:])
	b = msgpack.AppendBytes(msgpack.AppendString(b, "signed_keys"), signed)
	if present != nil {
		return msgpack.AppendBool(msgpack.AppendString(b, "initiator_connected"), *present)
	}
	b = msgpack.AppendArray(msgpack.AppendString(b, "responders"), len(responders))
	for _, id := range responders {
		b = msgpack.AppendByte(b, id)
	}
	return b
}
