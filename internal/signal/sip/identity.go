package sip

import (
	"errors"
	"strings"

	"veche.example/internal/signal/sip/digest"
	"veche.example/internal/signal/sip/message"
	"veche.example/internal/wsconn"
)

// anonymous is the host of a From that shall not be known (RFC 3323 §4.1.1.3).
const anonymous = "anonymous.invalid"

// identify says whether the client is whom the request says; if not, it has been answered. A connection has one
// identity at a time: a message in another's name is refused (RFC 3261 §22.3, RFC 7118 §7).
func (k *client) identify(q *call) bool {
	who, register := q.from.URI.AOR(), q.Method == "REGISTER"
	if register {
		if who != q.to.URI.AOR() {
			return k.forbid(q, "Nobody registers for others")
		}
	} else if k.who != "" && (who == k.who || q.from.URI.Host == anonymous) {
		return true
	}
	if q.from.URI.User == "" {
		return k.forbid(q, "From names nobody")
	}
	if k.who != "" && k.who != who && len(k.bindings) > 0 {
		return k.forbid(q, "From is somebody else")
	}
	secret, has := k.a.secret(who)
	switch {
	case k.grant != "":
		if k.grant != who && k.grant != q.from.URI.User {
			return k.forbid(q, "The token is for somebody else")
		}
	case has || !k.a.open:
		if !k.digest(q, secret) {
			return false
		}
	case !register && k.who != who && k.a.elsewhere(who, k):
		return k.forbid(q, "From is somebody else")
	}
	k.who = who
	if !k.known {
		k.known = true
		k.a.stats.clients.Add(1)
	}
	k.c.Ready()
	return true
}

// elsewhere: somebody of that name is registered, and not by this connection.
func (a *Adapter) elsewhere(who string, k *client) bool {
	for _, b := range a.users[who] {
		if b.k != k {
			return true
		}
	}
	return false
}

func (k *client) forbid(q *call, why string) bool {
	k.a.stats.refused.Add(1)
	k.reply(q.Message, 403, "Forbidden: "+why)
	return false
}

// secret is what is configured for an address of record.
func (a *Adapter) secret(aor string) (digest.Secret, bool) {
	if s, ok := a.opt.Users[aor]; ok {
		return s, true
	}
	user, _, _ := strings.Cut(aor, "@")
	s, ok := a.opt.Users[user]
	return s, ok
}

// digest checks the credentials, or asks for them (RFC 3261 §22.2, §22.3).
func (k *client) digest(q *call, secret digest.Secret) bool {
	ask, answer, status, reason := "Proxy-Authenticate", "Proxy-Authorization", 407, "Proxy Authentication Required"
	if q.Method == "REGISTER" {
		ask, answer, status, reason = "WWW-Authenticate", "Authorization", 401, "Unauthorized"
	}
	if q.Method == "ACK" {
		return false
	}
	a, now := k.a, k.a.now()
	stale := false
	if got := a.realm.Find(q.All(answer)); got != nil {
		err := a.realm.Check(got, secret, digest.Request{Method: q.Method, URI: q.URI, Conn: k.id, Now: now}, &k.used)
		named := got.User == q.from.URI.User || got.User == q.from.URI.AOR()
		switch {
		case err == nil && named:
			k.failures = 0
			return true
		case errors.Is(err, digest.ErrStale):
			stale = true
		default:
			a.stats.refused.Add(1)
			if k.failures++; k.failures >= maxFailures {
				k.reply(q.Message, 403, "Forbidden")
				k.gone = true
				k.c.Close(wsconn.Farewell{Code: closePolicy, Text: "too many wrong passwords"})
				return false
			}
		}
	}
	var more []string
	for _, c := range a.realm.Challenges(k.id, now, stale) {
		more = append(more, ask, c)
	}
	k.reply(q.Message, status, reason, more...)
	return false
}

// stamp puts on a request who it is from (RFC 3325), whatever the sender wrote there, and takes the credentials off.
func stamp(m *message.Message, who string) {
	m.Drop("P-Asserted-Identity")
	m.Drop("P-Preferred-Identity")
	m.Drop("Proxy-Authorization")
	m.Drop("Authorization")
	if !m.Has("Privacy", "id") {
		m.Add("P-Asserted-Identity", "<sip:"+who+">")
	}
}
