package sip

import (
	"strconv"
	"time"

	"veche.example/internal/signal/sip/message"
)

// transaction is a request that a client has begun, and what becomes of it (RFC 3261 §16, §17.2). Adapter.mu guards all.
type transaction struct {
	a         *Adapter
	k         *client // who began it
	q         *call   // as it came
	branches  []*branch
	last      *message.Message // the response that was sent last
	best      *message.Message // the best final response of a branch, as long as none was sent
	final     int              // status of the final response that was sent, 0 = none
	cancelled bool
	until     time.Time // when it is forgotten, once there is a final response
}

// branch is a copy of the request on its way (RFC 3261 §17.1).
type branch struct {
	t        *transaction
	id       string
	to       *client
	req      *message.Message // as it was sent
	status   int              // the last response, 0 = none
	done     bool
	cancel   bool // to be cancelled as soon as it may be (RFC 3261 §9.1)
	told     bool // CANCEL was sent
	deadline time.Time
}

// Timers (RFC 3261 §17, RFC 6026). Over WebSocket nothing is sent twice: those for that are absent.
const (
	timerB = 32 * time.Second  // no response to INVITE; also H, L, M
	timerC = 185 * time.Second // no final response to INVITE
	timerF = 32 * time.Second  // no final response to anything else
)

// find is the transaction that the request belongs to (RFC 3261 §17.2.3).
func (k *client) find(q *call, method string) *transaction { return k.begun[q.key+method] }

// again says whether the request has come before; it is answered as before.
func (k *client) again(q *call) bool {
	t := k.find(q, q.Method)
	if t != nil && t.last != nil {
		k.send(t.last)
	}
	return t != nil
}

// forward relays a request.
func (k *client) forward(q *call) {
	a := k.a
	refuse := func(f *fault) { k.reply(q.Message, f.status, f.reason, f.more...) }
	token, f := k.routes(q)
	if f != nil {
		refuse(f)
		return
	}
	if token == "" && (q.uri.User == "" || q.uri.Host == ourHost) {
		local(k, q)
		return
	}
	if !k.identify(q) {
		return
	}
	if a.loops(q) {
		a.stats.looped.Add(1)
		refuse(&fault{482, "Loop Detected", nil})
		return
	}
	if len(k.begun) >= maxPending || len(a.transactions) >= maxTransactions {
		a.stats.full.Add(1)
		refuse(&fault{503, "Too Many Transactions", []string{"Retry-After", "5"}})
		return
	}
	to, f := k.targets(q, token)
	if f != nil {
		refuse(f)
		return
	}
	t := &transaction{a: a, k: k, q: q}
	a.transactions[t] = struct{}{}
	if k.begun == nil {
		k.begun = make(map[string]*transaction)
	}
	k.begun[q.key+q.Method] = t
	if q.Method == "INVITE" {
		t.last = q.Respond(100, "Trying", "")
		k.send(t.last)
	}
	for _, x := range to {
		t.branch(x)
	}
	t.decide()
}

// local answers what is for the server itself.
func local(k *client, q *call) {
	const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, INFO, UPDATE, REFER, NOTIFY, SUBSCRIBE, REGISTER, PRACK"
	if q.Method != "OPTIONS" {
		k.reply(q.Message, 405, "Method Not Allowed", "Allow", allow)
		return
	}
	k.reply(q.Message, 200, "OK", "Allow", allow, "Accept", "*/*", "Supported", "path, outbound")
}

// outgoing is the request as it goes to a target (RFC 3261 §16.6); branch is that of our Via.
func (q *call) outgoing(k *client, x target, branch string) *message.Message {
	m := q.Clone()
	m.URI = x.uri
	m.Set("Max-Forwards", strconv.Itoa(q.hops-1))
	stamp(m, k.who)
	if q.to.Param("tag") == "" {
		switch q.Method {
		case "INVITE", "SUBSCRIBE", "REFER": // they begin dialogs
			m.Prepend("Record-Route", "<sip:"+k.a.token(k, x.k)+"@"+ourHost+";transport=ws;lr>")
		}
	}
	m.Prepend("Via", "SIP/2.0/WS "+k.a.sentBy+";branch="+branch)
	return m
}

// branch sends the request to a target.
func (t *transaction) branch(x target) {
	b := &branch{t: t, id: "z9hG4bK" + randomHex(8) + "." + trail(t.q), to: x.k}
	b.req = t.q.outgoing(t.k, x, b.id)
	b.deadline = t.a.now().Add(timerF)
	t.branches = append(t.branches, b)
	t.a.branches[b.id] = b
	if !x.k.send(b.req) {
		b.end(b.failed())
		return
	}
	t.a.stats.relayed.Add(1)
}

// failed is the response for a connection that is gone.
func (b *branch) failed() *message.Message {
	if b.t.q.to.Param("tag") != "" {
		return b.t.q.Respond(430, "Flow Failed", randomHex(5))
	}
	return b.t.q.Respond(480, "Temporarily Unavailable", randomHex(5))
}

// stop cancels a branch, now or when its first response comes.
func (b *branch) stop() {
	if b.done || b.told || b.t.q.Method != "INVITE" {
		return
	}
	b.cancel = true
	if b.status == 0 {
		return
	}
	b.told = true
	b.deadline = b.t.a.now().Add(timerB)
	b.to.send(b.about("CANCEL", b.req.Get("To")))
}

// about makes the CANCEL of a branch, or the ACK to a final response (RFC 3261 §9.1, §17.1.1.3).
func (b *branch) about(method, to string) *message.Message {
	m := &message.Message{Method: method, URI: b.req.URI}
	m.Add("Via", b.req.Get("Via"))
	m.Add("Max-Forwards", "70")
	m.Add("From", b.req.Get("From"))
	m.Add("To", to)
	m.Add("Call-ID", b.req.Get("Call-ID"))
	m.Add("CSeq", strconv.FormatUint(uint64(b.t.q.seq), 10)+" "+method)
	if reason := b.t.reason(); reason != "" && method == "CANCEL" {
		m.Add("Reason", reason) // RFC 3326 §3.1
	}
	return m
}

func (t *transaction) reason() string {
	if t.final >= 200 && t.final < 300 {
		return `SIP;cause=200;text="Call completed elsewhere"`
	}
	return ""
}

// forget ends a transaction.
func (t *transaction) forget() {
	if _, there := t.a.transactions[t]; !there {
		return
	}
	delete(t.a.transactions, t)
	for _, b := range t.branches {
		delete(t.a.branches, b.id)
	}
	delete(t.k.begun, t.q.key+t.q.Method)
	if len(t.k.begun) == 0 {
		t.k.begun = nil // most clients are idle
	}
}
