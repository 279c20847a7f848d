package sip

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"veche.example/internal/signal/sip/message"
)

// target is where a copy of a request goes.
type target struct {
	k   *client
	uri string // for the request line
}

const tokenID = 12 // digits of a connection's id

// token names the two connections that a dialog goes over (RFC 5626 §5.2). It is signed: nobody can name others.
func (a *Adapter) token(from, to *client) string {
	ids := from.id + to.id
	return ids + a.sign(ids)
}

func (a *Adapter) sign(ids string) string {
	m := hmac.New(sha256.New, a.key[:])
	m.Write([]byte(ids))
	return hex.EncodeToString(m.Sum(nil)[:10])
}

// opposite is the other end of a token's dialog, which k must be an end of; nil = unknown.
func (a *Adapter) opposite(token string, k *client) *client {
	if len(token) < 2*tokenID || !hmac.Equal([]byte(token[2*tokenID:]), []byte(a.sign(token[:2*tokenID]))) {
		return nil
	}
	one, two := a.flows[token[:tokenID]], a.flows[token[tokenID:2*tokenID]]
	switch k {
	case one:
		return two
	case two:
		return one
	}
	return nil
}

// serves says whether users of the domain are ours.
func (a *Adapter) serves(host string) bool {
	return len(a.opt.Domains) == 0 || slices.Contains(a.opt.Domains, host)
}

// routes takes our own Route headers off (RFC 3261 §16.4) and returns the token of the first one that has one. A route
// to somebody else is none of ours to take.
func (k *client) routes(q *call) (token string, f *fault) {
	for _, v := range q.All("Route") {
		r, err := message.ParseAddr(v)
		if err != nil {
			return "", &fault{400, "Bad Request: Route", nil}
		}
		host, _, _ := strings.Cut(k.seen.Host, ":")
		if r.URI.Host != ourHost && r.URI.Host != strings.ToLower(host) && (len(k.a.opt.Domains) == 0 || !k.a.serves(r.URI.Host)) {
			return "", &fault{403, "Forbidden: no relaying", nil}
		}
		if token == "" {
			token = r.URI.User
		}
		q.Pop("Route")
	}
	return token, nil
}

// targets finds out where a request goes (RFC 3261 §16.5).
func (k *client) targets(q *call, token string) ([]target, *fault) {
	a := k.a
	if token != "" {
		if to := a.opposite(token, k); to != nil {
			return []target{{to, q.URI}}, nil
		}
	}
	aor := q.uri.AOR()
	a.expire(aor, a.now())
	if found := a.contacts(aor); len(found) > 0 && a.serves(q.uri.Host) {
		return found, nil
	}
	if b := a.points[q.uri.Point()]; b != nil {
		if a.expire(b.aor, a.now()); a.points[q.uri.Point()] == b {
			return []target{{b.k, q.URI}}, nil
		}
	}
	_, configured := a.secret(aor)
	switch {
	case token != "":
		return nil, &fault{430, "Flow Failed", nil} // RFC 5626 §5.3.1
	case strings.HasSuffix(q.uri.Host, ".invalid"):
		return nil, &fault{480, "Temporarily Unavailable", nil} // a contact of before
	case !a.serves(q.uri.Host):
		return nil, &fault{403, "Forbidden: no relaying", nil}
	case configured:
		return nil, &fault{480, "Temporarily Unavailable", nil}
	}
	return nil, &fault{404, "Not Found", nil}
}

// contacts are the targets for a user: each device once, by the connection it made last (RFC 5626 §5.3), and of those
// with the highest q only.
func (a *Adapter) contacts(aor string) []target {
	all := a.users[aor]
	best := 0
	for _, b := range all {
		best = max(best, b.q)
	}
	var out []target
	seen := make(map[string]bool)
	for i := len(all) - 1; i >= 0; i-- {
		b := all[i]
		if b.q < best || b.regID != "" && seen[b.instance] {
			continue
		}
		seen[b.instance] = b.regID != ""
		out = append(out, target{b.k, b.uri})
	}
	return out
}

// trail is what a Via of ours says about the request it is of, so that it is known when it comes back unchanged
// (RFC 3261 §16.6 step 8).
func trail(q *call) string {
	h := sha256.New()
	for _, s := range []string{q.uri.AOR(), q.Get("Call-ID"), q.from.Param("tag"), q.to.Param("tag"), q.Get("CSeq")} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// loops says whether the request has been here before as it is.
func (a *Adapter) loops(q *call) bool {
	mark := "." + trail(q)
	for _, v := range q.All("Via") {
		if via, err := message.ParseVia(v); err == nil && via.SentBy == a.sentBy && strings.HasSuffix(via.Branch, mark) {
			return true
		}
	}
	return false
}
