package article

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"

	"veche.example/internal/front/envelope"
	"veche.example/internal/wsconn"
)

// room is clients who see each other.
type room struct{ clients map[string]*client }

// client is one WebSocket. It implements wsconn.Handler.
type client struct {
	a     *Adapter
	c     *wsconn.Conn
	name  string // of the room
	token string // until Opened

	// The following are guarded by Adapter.mu.
	id   string  // "" = not in the room
	peer *client // whom it rings, is rung by, or talks to
	talk bool    // the other one has answered
}

// enter gives the client its id, then those of the others, and tells the others.
func (a *Adapter) enter(k *client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rooms[k.name]
	if r == nil {
		r = &room{clients: map[string]*client{}}
		a.rooms[k.name] = r
	}
	k.id = newID()
	mine := introduction(k.id)
	_ = k.c.Send(mine) // it is closing: Closed follows; so below
	for id, o := range r.clients {
		_ = k.c.Send(introduction(id))
		_ = o.c.Send(mine)
	}
	r.clients[k.id] = k
	a.stats.clients.Add(1)
}

// newID returns 128 random bits as 22 characters.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func introduction(id string) []byte { return []byte(`{"type":"id","id":"` + id + `"}`) }

// Closed implements wsconn.Handler: whoever was in a call with it is hung up, everybody is told.
func (k *client) Closed(wsconn.End) {
	a := k.a
	a.mu.Lock()
	defer a.mu.Unlock()
	if k.id == "" {
		return
	}
	r := a.rooms[k.name]
	delete(r.clients, k.id)
	a.stats.clients.Add(-1)
	if len(r.clients) == 0 {
		delete(a.rooms, k.name)
	}
	if p := k.peer; p != nil {
		k.part()
		_ = p.c.Send(notice("hang-up", k.id, p.id))
	}
	left := []byte(`{"type":"left","id":"` + k.id + `"}`)
	for _, o := range r.clients {
		_ = o.c.Send(left)
	}
	k.id = ""
}

// Message implements wsconn.Handler. Text and binary frames are the same to the article's clients.
func (k *client) Message(data []byte, binary bool) {
	var e envelope.Envelope
	if err := envelope.Open(data, &e); err != nil {
		k.malformed("the message is malformed: "+err.Error(), "")
		return
	}
	typ, _ := e.Text("type")
	target, ok := targetOf(&e)
	if !ok {
		k.malformed("target is missing", "")
		return
	}
	switch typ {
	case "video-offer", "video-answer", "new-ice-candidate", "hang-up":
		k.relay(typ, target, &e, binary)
	default:
		k.malformed("type is not one of video-offer, video-answer, new-ice-candidate, hang-up", target)
	}
}

// targetOf is the id in target, which may be a number as well as a string: the article's server makes keys of both.
func targetOf(e *envelope.Envelope) (string, bool) {
	if s, ok := e.Text("target"); ok {
		return s, s != ""
	}
	raw, ok := e.Raw("target")
	if !ok || len(raw) > 32 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return "", false
	}
	return string(raw), true
}

func (k *client) malformed(text, target string) {
	k.a.stats.malformed.Add(1)
	_ = k.c.Send(problem("malformed", text, target))
}

// relay hands a message to the target, in the kind of frame in which it came.
func (k *client) relay(typ, target string, e *envelope.Envelope, binary bool) {
	to, code := k.find(typ, target)
	if to == nil {
		_ = k.c.Send(problem(code, map[string]string{
			"no-target": "nobody here has this id", "busy": "the other one is in a call", "self": "that is you",
		}[code], target))
		if typ == "video-offer" { // the article's clients know no other end
			_ = k.c.Send(notice("hang-up", target, k.id))
		}
		return
	}
	stamped := e.Stamp("clientId", k.id)
	send := to.c.Send
	if binary {
		send = to.c.SendBinary
	}
	if err := send(stamped); err != nil {
		k.a.stats.dead.Add(1)
		_ = k.c.Send(problem("no-target", "the other one is gone", target))
		return
	}
	k.a.stats.relayed.Add(1)
}

// find looks for the target of a message and keeps the books on who is in a call with whom; nil and a code if it is not
// to be relayed.
func (k *client) find(typ, target string) (*client, string) {
	a := k.a
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rooms[k.name]
	if k.id == "" || r == nil {
		return nil, "no-target"
	}
	to := r.clients[target]
	switch {
	case to == nil:
		a.stats.unknown.Add(1)
		return nil, "no-target"
	case to == k:
		a.stats.unknown.Add(1)
		return nil, "self"
	}
	switch typ {
	case "video-offer":
		if to.peer != nil && to.peer != k && to.talk {
			a.stats.busy.Add(1)
			return nil, "busy"
		}
		if to.peer != k {
			k.part()
			to.part()
			k.peer, to.peer = to, k
		}
	case "video-answer":
		if k.peer == to {
			k.talk, to.talk = true, true
		}
	case "hang-up":
		if k.peer == to {
			k.part()
		}
	}
	return to, ""
}

// part ends what a client has with another one; Adapter.mu is held.
func (k *client) part() {
	if p := k.peer; p != nil {
		p.peer, p.talk = nil, false
		k.peer, k.talk = nil, false
	}
}

// Limited implements wsconn.Handler.
func (k *client) Limited([]byte, bool) { _ = k.c.Send(problem("rate", "too many messages", "")) }

// Farewell implements wsconn.Handler.
func (k *client) Farewell(why wsconn.Reason) wsconn.Farewell {
	return wsconn.Farewell{Last: problem(string(why), "the connection is closed: "+string(why), ""), Text: string(why)}
}

// notice is a message in another client's name.
func notice(typ, from, to string) []byte {
	out, err := json.Marshal(struct {
		Type     string `json:"type"`
		ClientID string `json:"clientId"`
		Target   string `json:"target"`
	}{typ, from, to})
	if err != nil {
		return problem("internal", "our fault", "")
	}
	return out
}

// problem is an error for the sender of a message.
func problem(code, text, target string) []byte {
	out, err := json.Marshal(struct {
		Type    string `json:"type"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Target  string `json:"target,omitempty"`
	}{"error", code, text, target})
	if err != nil {
		return []byte(`{"type":"error","code":"internal"}`)
	}
	return out
}
