package sip

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"veche.example/internal/signal/sip/message"
	"veche.example/internal/wsconn"
)

// binding is one contact of somebody, and the connection it is reached by, whatever the contact says (RFC 5626 §5.3).
type binding struct {
	k        *client
	aor      string
	uri      string // of the contact, as written
	point    string
	params   string // of the contact, as written, without expires
	instance string // +sip.instance, "" = none
	regID    string // reg-id, "" = no outbound
	callID   string
	seq      uint32
	q        int // of the contact, in thousandths
	expires  time.Time
}

// same: both are the same contact (RFC 5626 §6, RFC 3261 §10.3 step 7).
func (b *binding) same(o *binding) bool {
	if b.regID != "" && o.regID != "" && b.instance == o.instance {
		return b.regID == o.regID
	}
	return b.point == o.point
}

// register is RFC 3261 §10.3.
func (k *client) register(q *call) {
	a := k.a
	if !a.serves(q.uri.Host) || !a.serves(q.to.URI.Host) {
		k.reply(q.Message, 404, "Not Found: not a domain of ours")
		return
	}
	if !k.identify(q) {
		return
	}
	contacts := q.All("Contact")
	now := a.now()
	a.expire(k.who, now)
	if len(contacts) == 1 && contacts[0] == "*" {
		if n, there, err := q.Number("Expires"); err != nil || !there || n != 0 {
			k.reply(q.Message, 400, "Bad Request: Contact * needs Expires: 0")
			return
		}
		for _, b := range slices.Clone(a.users[k.who]) {
			if b.callID == q.Get("Call-ID") && b.seq >= q.seq {
				k.reply(q.Message, 500, "CSeq is not higher than before")
				return
			}
			a.unbind(b)
		}
		k.registered(q, now)
		return
	}
	var change []*binding
	for _, c := range contacts {
		b, f := k.contact(q, c, now)
		if f != nil {
			k.reply(q.Message, f.status, f.reason, f.more...)
			return
		}
		change = append(change, b)
	}
	if f := a.fits(k, change, now); f != nil {
		k.reply(q.Message, f.status, f.reason, f.more...)
		return
	}
	for _, b := range change {
		a.bind(b, now)
	}
	k.registered(q, now)
}

// contact reads one contact of a REGISTER.
func (k *client) contact(q *call, value string, now time.Time) (*binding, *fault) {
	c, err := message.ParseAddr(value)
	if err != nil || c.URI.Host == "" || len(value) > 1024 {
		return nil, &fault{400, "Bad Request: Contact", nil}
	}
	b := &binding{
		k: k, aor: k.who, uri: c.Text, point: c.URI.Point(), params: message.Without(c.Params, "expires"), callID: q.Get("Call-ID"), seq: q.seq, q: 1000,
	}
	seconds, there, err := q.Number("Expires")
	if v := c.Param("expires"); v != "" {
		n, perr := strconv.ParseUint(v, 10, 32)
		seconds, there, err = int(min(n, 1<<31-1)), true, perr
	}
	if err != nil {
		return nil, &fault{400, "Bad Request: expires", nil}
	}
	life := time.Duration(min(seconds, 1<<30)) * time.Second
	if !there {
		life = time.Hour
	}
	if life > 0 && life < k.a.opt.MinExpires {
		return nil, &fault{423, "Interval Too Brief", []string{"Min-Expires", strconv.Itoa(int(k.a.opt.MinExpires.Seconds()))}}
	}
	b.expires = now.Add(min(life, k.a.opt.MaxExpires))
	if v := c.Param("q"); v != "" {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return nil, &fault{400, "Bad Request: q", nil}
		}
		b.q = int(f * 1000)
	}
	b.instance = c.Param("+sip.instance")
	if id := c.Param("reg-id"); id != "" && b.instance != "" && q.Has("Supported", "outbound") {
		if n, err := strconv.ParseUint(id, 10, 31); err != nil || n == 0 {
			return nil, &fault{400, "Bad Request: reg-id", nil}
		}
		if len(q.All("Via")) > 1 { // RFC 5626 §6: there is a hop before us that keeps no flow
			return nil, &fault{439, "First Hop Lacks Outbound Support", nil}
		}
		b.regID = id
	}
	return b, nil
}

// fits looks at all changes before the first is made, for a REGISTER changes all or nothing (RFC 3261 §10.3 step 7).
func (a *Adapter) fits(k *client, change []*binding, now time.Time) *fault {
	mine, all := len(k.bindings), len(a.users[k.who])
	for _, b := range change {
		i := slices.IndexFunc(a.users[k.who], b.same)
		switch {
		case i >= 0:
			if old := a.users[k.who][i]; old.callID == b.callID && old.seq >= b.seq {
				return &fault{500, "CSeq is not higher than before", nil}
			}
		case b.expires.After(now):
			mine, all = mine+1, all+1
		}
	}
	if mine > maxContacts || all > maxContacts {
		return &fault{403, "Forbidden: too many contacts", nil}
	}
	return nil
}

// bind makes or replaces a binding, or ends it when it expires at once.
func (a *Adapter) bind(b *binding, now time.Time) {
	if i := slices.IndexFunc(a.users[b.aor], b.same); i >= 0 {
		old := a.users[b.aor][i]
		a.unbind(old)
		if old.k != b.k && b.expires.After(now) {
			a.takeOver(old.k, b.k)
		}
	}
	if !b.expires.After(now) {
		return
	}
	a.users[b.aor] = append(a.users[b.aor], b)
	a.points[b.point] = b
	b.k.bindings = append(b.k.bindings, b)
}

// takeOver: a client has come back by a new connection, and the old one is most likely dead and does not know it. Calls
// that were set up by the old one go on by the new one.
func (a *Adapter) takeOver(old, k *client) {
	if len(old.bindings) > 0 {
		return // it has other contacts
	}
	ids := append(append([]string(nil), old.was...), old.id)
	ids = ids[max(0, len(ids)-maxWas):]
	for _, id := range ids {
		if a.flows[id] == old {
			a.flows[id] = k
		}
	}
	k.was = append(k.was, ids...)
	for len(k.was) > maxWas {
		if a.flows[k.was[0]] == k {
			delete(a.flows, k.was[0])
		}
		k.was = k.was[1:]
	}
	old.gone = true
	old.c.Close(wsconn.Farewell{Text: "replaced: the same client has connected anew"})
}

func (a *Adapter) unbind(b *binding) {
	is := func(o *binding) bool { return o == b }
	a.users[b.aor] = slices.DeleteFunc(a.users[b.aor], is)
	if len(a.users[b.aor]) == 0 {
		delete(a.users, b.aor)
	}
	b.k.bindings = slices.DeleteFunc(b.k.bindings, is)
	if a.points[b.point] == b {
		delete(a.points, b.point)
	}
}

// expire ends the bindings of one user that are over.
func (a *Adapter) expire(aor string, now time.Time) {
	for _, b := range slices.Clone(a.users[aor]) {
		if !b.expires.After(now) {
			a.unbind(b)
		}
	}
}

// registered answers with all bindings there are (RFC 3261 §10.3 step 8). X-ICE-Servers is the W3C's iceServers, with
// TURN credentials of the client's own.
func (k *client) registered(q *call, now time.Time) {
	a := k.a
	more := []string{"Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), "Supported", "path, outbound"}
	outbound := false
	for _, b := range a.users[k.who] {
		left := int((b.expires.Sub(now) + time.Second - 1) / time.Second)
		more = append(more, "Contact", "<"+b.uri+">"+b.params+";expires="+strconv.Itoa(left))
		outbound = outbound || b.k == k && b.regID != ""
	}
	if outbound {
		more = append(more, "Require", "outbound")
	}
	if a.config.ICE != nil && len(k.bindings) > 0 {
		if text, err := json.Marshal(a.config.ICE(k.seen, k.who)); err == nil && string(text) != "null" {
			more = append(more, "X-ICE-Servers", string(text))
		}
	}
	k.reply(q.Message, 200, "OK", more...)
}
