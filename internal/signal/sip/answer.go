package sip

import (
	"slices"

	"veche.example/internal/signal/sip/message"
)

// response takes a response to what was sent to the client (RFC 3261 §16.7). It counts only if it comes from the
// connection that was asked.
func (k *client) response(m *message.Message) {
	via, err := message.ParseVia(m.Get("Via"))
	_, method, cerr := m.CSeq()
	if err != nil || cerr != nil {
		k.a.stats.malformed.Add(1)
		return
	}
	b := k.a.branches[via.Branch]
	if b == nil || b.to != k || via.SentBy != k.a.sentBy {
		k.a.stats.stray.Add(1)
		return
	}
	q := b.t.q
	if method == "CANCEL" && b.told {
		return
	}
	if m.Get("CSeq") != q.Get("CSeq") || m.Get("Call-ID") != q.Get("Call-ID") || len(m.All("To")) != 1 {
		k.a.stats.malformed.Add(1)
		return
	}
	// it goes back the way the request came, whatever it says
	r := m.Clone()
	r.Drop("Via")
	r.Drop("From")
	r.Headers = append(viasAndFrom(q.Message), r.Headers...)
	b.answered(r)
}

func viasAndFrom(m *message.Message) []message.Header {
	var out []message.Header
	for _, v := range m.All("Via") {
		out = append(out, message.Header{Name: "Via", Value: v})
	}
	return append(out, message.Header{Name: "From", Value: m.Get("From")})
}

// answered is a response to a branch, as it would go back.
func (b *branch) answered(r *message.Message) {
	t := b.t
	invite := t.q.Method == "INVITE"
	if b.done {
		switch {
		case invite && r.Status >= 300:
			b.to.send(b.about("ACK", r.Get("To"))) // ours was lost, it seems
		case invite && r.Status >= 200 && t.final != 0:
			t.relay(r) // one more device has answered (RFC 6026 §7.1)
		}
		return
	}
	b.status = r.Status
	if r.Status < 200 {
		if invite {
			b.deadline = t.a.now().Add(timerC)
		}
		if b.cancel {
			b.stop()
		} else if r.Status > 100 && t.final == 0 {
			t.relay(r)
		}
		return
	}
	if invite && r.Status >= 300 {
		b.to.send(b.about("ACK", r.Get("To")))
	}
	b.end(r)
	t.decide()
}

// end notes the final response of a branch.
func (b *branch) end(r *message.Message) {
	t := b.t
	b.done, b.status = true, r.Status
	switch {
	case r.Status < 300 && (t.final == 0 || t.q.Method == "INVITE"):
		first := t.final == 0
		t.settle(r)
		if first {
			t.stop()
		}
	case r.Status >= 300 && t.final == 0:
		if t.best == nil || rank(r.Status) < rank(t.best.Status) {
			t.best = r
		}
		if r.Status >= 600 { // nobody shall be asked any more
			t.stop()
		}
	}
}

// rank orders final responses, the best first (RFC 3261 §16.7 step 6).
func rank(status int) int {
	switch {
	case status >= 600:
		return 0
	case slices.Contains([]int{401, 407, 415, 420, 484}, status):
		return 1000 + status // says how to do better
	case status == 408 || status == 430 || status == 480 || status == 487:
		return 10*status + 500 // says less than a person's answer
	}
	return 10 * status
}

// stop cancels all branches that still go on.
func (t *transaction) stop() {
	for _, b := range t.branches {
		b.stop()
	}
}

// decide sends the best response once all branches are through, and forgets what nothing can come for any more.
func (t *transaction) decide() {
	for _, b := range t.branches {
		if !b.done {
			return
		}
	}
	if t.final == 0 && t.best != nil {
		r := t.best
		if r.Status == 503 { // it is about the callee, not about us
			r.Status, r.Reason = 500, "Server Internal Error"
		}
		t.settle(r)
	}
	if t.q.Method != "INVITE" || t.k.gone {
		t.forget()
	}
}

// settle sends a final response.
func (t *transaction) settle(r *message.Message) {
	if t.final == 0 {
		t.final = r.Status
		t.until = t.a.now().Add(timerB)
	}
	t.best = nil
	t.relay(r)
}

// relay sends a response to who began.
func (t *transaction) relay(r *message.Message) {
	t.last = r
	if !t.k.gone {
		t.k.send(r)
		t.a.stats.relayed.Add(1)
	}
}

// cancel is a CANCEL (RFC 3261 §16.10).
func (k *client) cancel(q *call) {
	t := k.find(q, "INVITE")
	if t == nil {
		k.reply(q.Message, 481, "Call/Transaction Does Not Exist")
		return
	}
	k.reply(q.Message, 200, "OK")
	if t.final == 0 {
		t.cancelled = true
		t.stop()
	}
}

// ack is an ACK: to a refusal, which ends here, or to a 2xx, which goes on to the other side (RFC 3261 §13.2.2.4).
func (k *client) ack(q *call) {
	if t := k.find(q, "INVITE"); t != nil && t.final >= 300 {
		t.forget()
		return
	}
	token, f := k.routes(q)
	if f != nil || k.who == "" || q.from.URI.AOR() != k.who && q.from.URI.Host != anonymous || q.hops == 0 || k.a.loops(q) {
		k.a.stats.refused.Add(1)
		return
	}
	to, f := k.targets(q, token)
	if f != nil {
		k.a.stats.stray.Add(1)
		return
	}
	if to[0].k.send(q.outgoing(k, to[0], "z9hG4bK"+randomHex(8)+"."+trail(q))) {
		k.a.stats.relayed.Add(1)
	}
}

// lost tells a transaction that a connection is gone.
func (t *transaction) lost(k *client) {
	if t.k == k { // nobody waits for the answer: nobody shall ring
		t.cancelled = true
		t.stop()
	}
	for _, b := range t.branches {
		if b.to == k && !b.done {
			b.end(b.failed())
		}
	}
	t.decide()
}
