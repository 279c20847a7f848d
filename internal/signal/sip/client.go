package sip

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"veche.example/internal/signal/sip/digest"
	"veche.example/internal/signal/sip/message"
	"veche.example/internal/wsconn"
)

// client is one connection.
type client struct {
	a     *Adapter
	c     *wsconn.Conn
	id    string
	seen  *http.Request // what ICE servers are made for
	token string        // of the request, until Opened

	grant    string                  // who the token is for; not changed after Opened
	who      string                  // guarded by Adapter.mu: address of record that it has shown to be, "" = none yet
	used     digest.Used             // guarded by Adapter.mu
	failures int                     // guarded by Adapter.mu: wrong passwords
	begun    map[string]*transaction // guarded by Adapter.mu: by branch, sender and method
	bindings []*binding              // guarded by Adapter.mu
	was      []string                // guarded by Adapter.mu: ids of connections whose place it took
	known    bool                    // guarded by Adapter.mu: counted among the clients
	gone     bool                    // guarded by Adapter.mu
}

const closePolicy = 1008 // RFC 6455 §7.4.1

// Opened implements wsconn.Opener.
func (k *client) Opened() {
	token := k.token
	k.token = ""
	if k.a.config.Authorize != nil && token != "" {
		grant, err := k.a.config.Allow(token, k.a.realm.Name())
		if err != nil || grant.Identity == "" {
			k.c.Log().Debug("sip: refused", "err", err)
			k.a.stats.refused.Add(1)
			k.c.Close(wsconn.Farewell{Code: closePolicy, Text: "the token does not let you in"})
			return
		}
		k.grant = grant.Identity
	}
	k.a.mu.Lock()
	full := len(k.a.flows) >= k.a.config.MaxClients()
	if !full {
		k.a.flows[k.id] = k
	}
	k.a.mu.Unlock()
	switch {
	case full:
		k.a.stats.refused.Add(1)
		k.c.Close(wsconn.Farewell{Code: 1013, Text: "no place: try again later"})
	case k.a.open || k.grant != "":
		k.c.Ready()
	}
}

// Message implements wsconn.Handler.
func (k *client) Message(data []byte, _ bool) {
	if len(bytes.Trim(data, "\r\n")) == 0 { // RFC 5626 §3.5.1, RFC 7118 §6
		if bytes.Equal(data, []byte("\r\n\r\n")) {
			k.raw([]byte("\r\n"))
		}
		return
	}
	m, err := message.Parse(data)
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	switch {
	case k.gone:
	case err != nil:
		k.malformed(m, err)
	case m.Status != 0:
		k.response(m)
	default:
		k.request(m)
	}
}

// send writes a message; false: the connection is closing, or was too slow and closes now.
func (k *client) send(m *message.Message) bool { return k.raw(m.Bytes()) }

func (k *client) raw(data []byte) bool {
	if utf8.Valid(data) {
		return k.c.Send(data) == nil
	}
	return k.c.SendBinary(data) == nil
}

// reply answers a request; more are pairs of name and value. An ACK is never answered.
func (k *client) reply(m *message.Message, status int, reason string, more ...string) {
	if m.Method == "ACK" {
		return
	}
	r := m.Respond(status, reason, randomHex(5))
	for i := 0; i+1 < len(more); i += 2 {
		r.Add(more[i], more[i+1])
	}
	r.Add("Server", "Veche")
	k.send(r)
}

// malformed answers what could not be read, if it says enough for an answer.
func (k *client) malformed(m *message.Message, err error) {
	k.a.stats.malformed.Add(1)
	switch {
	case m == nil:
		k.send(&message.Message{Status: 400, Reason: "Bad Request: " + err.Error()})
	case m.Status != 0: // RFC 3261 §18.1.2
	case errors.Is(err, message.ErrVersion):
		k.reply(m, 505, "Version Not Supported")
	case errors.Is(err, message.ErrTooMuch):
		k.reply(m, 513, "Message Too Large")
	default:
		k.reply(m, 400, "Bad Request: "+err.Error())
	}
}

// fault is why a request is refused.
type fault struct {
	status int
	reason string
	more   []string // headers
}

// call is a request with what was read of it.
type call struct {
	*message.Message
	uri      message.URI
	from, to message.Addr
	via      message.Via
	seq      uint32
	hops     int
	key      string // of the transaction
}

// read checks a request before anything else (RFC 3261 §16.3, §8.1.1).
func (a *Adapter) read(m *message.Message) (*call, *fault) {
	bad := func(what string) (*call, *fault) { return nil, &fault{400, "Bad Request: " + what, nil} }
	for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
		if len(m.All(name)) != 1 {
			return bad(name)
		}
	}
	q := &call{Message: m, hops: 70}
	var err error
	var method string
	for i, v := range m.All("Via") {
		via, err := message.ParseVia(v)
		if err != nil {
			return bad("Via")
		}
		if i == 0 {
			q.via = via
		}
	}
	if q.via.Branch == "" || len(q.via.Branch) > 256 {
		return bad("Via")
	}
	if q.from, err = message.ParseAddr(m.Get("From")); err != nil || q.from.Param("tag") == "" {
		return bad("From")
	}
	if q.to, err = message.ParseAddr(m.Get("To")); err != nil {
		return bad("To")
	}
	if id := m.Get("Call-ID"); id == "" || len(id) > 256 {
		return bad("Call-ID")
	}
	if q.seq, method, err = m.CSeq(); err != nil || method != m.Method {
		return bad("CSeq")
	}
	if n, there, err := m.Number("Max-Forwards"); err != nil {
		return bad("Max-Forwards")
	} else if there {
		q.hops = min(n, 255)
	}
	q.key = q.via.Branch + " " + q.via.SentBy + " "
	if q.uri, err = message.ParseURI(m.URI); err != nil {
		return bad("Request-URI")
	}
	if q.uri.Scheme != "sip" && q.uri.Scheme != "sips" {
		return nil, &fault{416, "Unsupported URI Scheme", nil}
	}
	return q, a.extensions(q)
}

// extensions refuses what a request requires and we do not have (RFC 3261 §16.3 step 5, §8.2.2.3), and what has made
// too many hops.
func (a *Adapter) extensions(q *call) *fault {
	if q.Method == "ACK" || q.Method == "CANCEL" {
		return nil
	}
	not := q.All("Proxy-Require")
	if q.Method == "REGISTER" {
		for _, v := range q.All("Require") {
			for t := range strings.SplitSeq(v, ",") {
				if t = strings.ToLower(strings.Trim(t, " \t")); t != "outbound" && t != "path" {
					not = append(not, t)
				}
			}
		}
	}
	switch {
	case len(not) > 0:
		return &fault{420, "Bad Extension", []string{"Unsupported", strings.Join(not, ", ")}}
	case q.hops == 0:
		a.stats.looped.Add(1)
		return &fault{483, "Too Many Hops", nil}
	}
	return nil
}

// request takes a request; Adapter.mu is held.
func (k *client) request(m *message.Message) {
	q, f := k.a.read(m)
	switch {
	case f != nil:
		if f.status == 400 {
			k.a.stats.malformed.Add(1)
		}
		k.reply(m, f.status, f.reason, f.more...)
	case m.Method == "ACK":
		k.ack(q)
	case m.Method == "CANCEL":
		k.cancel(q)
	case k.again(q):
	case m.Method == "REGISTER":
		k.register(q)
	default:
		k.forward(q)
	}
}

// Limited implements wsconn.Handler.
func (k *client) Limited(data []byte, _ bool) {
	if m, err := message.Parse(data); err == nil && m.Status == 0 {
		k.reply(m, 503, "Too Many Messages", "Retry-After", "2")
	}
}

// Farewell implements wsconn.Handler.
func (k *client) Farewell(why wsconn.Reason) wsconn.Farewell {
	switch why {
	case wsconn.Slow:
		return wsconn.Farewell{Text: "slow: messages were not read"}
	case wsconn.TooBig:
		return wsconn.Farewell{Text: "the message is too big"}
	case wsconn.Rate:
		return wsconn.Farewell{Text: "too many messages"}
	case wsconn.Timeout:
		return wsconn.Farewell{Text: "nobody has registered"}
	default:
		return wsconn.Farewell{Text: string(why)}
	}
}

// Closed implements wsconn.Handler.
func (k *client) Closed(wsconn.End) {
	a := k.a
	a.mu.Lock()
	defer a.mu.Unlock()
	k.gone = true
	if k.known {
		a.stats.clients.Add(-1)
	}
	for _, id := range append(k.was, k.id) {
		if a.flows[id] == k {
			delete(a.flows, id)
		}
	}
	for len(k.bindings) > 0 {
		a.unbind(k.bindings[0])
	}
	for t := range a.transactions {
		t.lost(k)
	}
}
