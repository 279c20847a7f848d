package peerjs

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"veche.example/internal/front/envelope"
	"veche.example/internal/wsconn"
)

// What the project's server says, word for word: applications look at it.
const (
	msgInvalidKey   = "Invalid key provided"
	msgInvalidToken = "Invalid token provided"
	msgParameters   = "No id, token, or key supplied to websocket server"
	msgLimit        = "Server has reached its concurrent user limit"
)

// Limits of what a client calls itself, in bytes.
const (
	maxID    = 128
	maxToken = 4 << 10
)

var (
	open  = []byte(`{"type":"OPEN"}`)
	taken = []byte(`{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}`)
)

// client is one WebSocket and the peer behind it. It implements wsconn.Handler.
type client struct {
	a      *Adapter
	c      *wsconn.Conn
	realm  *realm
	hello  *hello // until Opened
	id     string
	secret [16]byte // of the token
	owner  string   // identity of its grant, "" = none

	in      bool // guarded by realm.mu: has the id
	waiting int  // guarded by realm.mu: messages of ours that wait for somebody
}

// hello is what the request said.
type hello struct{ key, id, token string }

func upgrades(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// accept upgrades the request. Whatever is wrong with it is told inside of the WebSocket: a browser shows a page
// nothing of a refused handshake.
func (a *Adapter) accept(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	h := &hello{strings.Clone(q.Get("key")), strings.Clone(q.Get("id")), strings.Clone(q.Get("token"))}
	a.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler { return &client{a: a, c: c, hello: h} })
}

// Opened implements wsconn.Opener.
func (k *client) Opened() {
	h := k.hello
	k.hello = nil
	if last, why := k.enter(h); last != nil {
		k.a.stats.refuse.Add(1)
		k.c.Close(wsconn.Farewell{Last: last, Code: closePolicy, Text: why})
		return
	}
	k.c.Ready()
}

// closePolicy is the close code for who is refused (RFC 6455 §7.4.1).
const closePolicy = 1008

// enter lets the client in, or says what is wrong: the message for it and the reason for the close frame.
func (k *client) enter(h *hello) (last []byte, why string) {
	refuse := func(msg string) ([]byte, string) { return errorMessage(msg), msg }
	if h.id == "" || h.token == "" || h.key == "" {
		return refuse(msgParameters)
	}
	realm := k.a.realms[h.key]
	switch {
	case realm == nil:
		return refuse(msgInvalidKey)
	case !validID(h.id):
		return refuse("Invalid id provided")
	case len(h.token) > maxToken:
		return refuse(msgInvalidToken)
	}
	grant, err := k.a.config.Allow(h.token, h.key)
	if err != nil {
		k.c.Log().Debug("peerjs: refused", "err", err)
		return refuse(msgInvalidToken)
	}
	if grant.Identity != "" && grant.Identity != h.id {
		return refuse("The token is for another id")
	}
	sum := sha256.Sum256([]byte(h.token))
	k.realm, k.id, k.secret, k.owner = realm, h.id, [16]byte(sum[:16]), grant.Identity
	switch realm.enter(k) {
	case idTaken:
		return taken, "ID is taken"
	case noPlace:
		return refuse(msgLimit)
	}
	return nil, ""
}

// same says whether both are the same peer: by the token, or by whom it was given to.
func (k *client) same(other *client) bool {
	return subtle.ConstantTimeCompare(k.secret[:], other.secret[:]) == 1 || k.owner != "" && k.owner == other.owner
}

// Message implements wsconn.Handler. Binary or not makes no difference to the project's server either.
func (k *client) Message(data []byte, _ bool) {
	if k.realm == nil {
		return // refused, and on its way out
	}
	var e envelope.Envelope
	if err := envelope.Open(data, &e); err != nil {
		k.malformed("Invalid message: " + err.Error())
		return
	}
	typ, _ := e.Text("type")
	dst, _ := e.Text("dst")
	switch typ {
	case "HEARTBEAT":
	case "OFFER", "ANSWER", "CANDIDATE", "EXPIRE":
		if dst == "" || len(dst) > maxID {
			k.malformed("Invalid message: dst is missing")
			return
		}
		k.realm.relay(k, dst, typ != "EXPIRE", &e)
	case "LEAVE":
		if dst == "" {
			k.realm.leave(k)
			return
		}
		k.realm.relay(k, dst, false, &e)
	default:
		k.malformed("Message unrecognized")
	}
}

func (k *client) malformed(why string) {
	k.a.stats.malformed.Add(1)
	_ = k.c.Send(errorMessage(why)) // it is closing: nobody is left to tell
}

// Limited implements wsconn.Handler.
func (k *client) Limited([]byte, bool) { _ = k.c.Send(errorMessage("Too many messages")) }

// Farewell implements wsconn.Handler. Where the client should come back there are no words: those of an ERROR make
// it give up.
func (k *client) Farewell(why wsconn.Reason) wsconn.Farewell {
	switch why {
	case wsconn.Slow:
		return wsconn.Farewell{Last: errorMessage("Too slow: messages were not read"), Text: "slow"}
	case wsconn.TooBig:
		return wsconn.Farewell{Last: errorMessage("The message is too big"), Text: "too big"}
	case wsconn.Rate:
		return wsconn.Farewell{Last: errorMessage("Too many messages"), Text: "too many messages"}
	default:
		return wsconn.Farewell{Text: string(why)}
	}
}

// Closed implements wsconn.Handler.
func (k *client) Closed(wsconn.End) {
	if k.realm != nil {
		k.realm.leave(k)
	}
}

// errorMessage is an ERROR.
func errorMessage(msg string) []byte {
	text, err := json.Marshal(msg)
	if err != nil {
		text = []byte(`"internal error"`)
	}
	return append(append([]byte(`{"type":"ERROR","payload":{"msg":`), text...), "}}"...)
}

// notice is a message of the server's own about a peer: EXPIRE or LEAVE.
func notice(typ, src, dst string) []byte {
	out, err := json.Marshal(struct {
		Type string `json:"type"`
		Src  string `json:"src"`
		Dst  string `json:"dst"`
	}{typ, src, dst})
	if err != nil {
		return errorMessage("internal error")
	}
	return out
}

// validID accepts more than clients do, which want letters and digits with single spaces, dashes and underscores
// between them: ids are data to us.
func validID(id string) bool {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}
