// Package digest is HTTP Digest authentication as SIP uses it (RFC 3261 §22, RFC 7616, RFC 8760), the server's side.
//
// A nonce is signed, dated and good for one connection: nothing has to be remembered of it but the highest count that
// the connection has used.
package digest

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // what RFC 3261 has and all clients know
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"veche.example/internal/signal/sip/message"
)

// Errors of Check.
var (
	ErrStale = errors.New("the nonce is too old or was used")
	ErrWrong = errors.New("wrong credentials")
)

// Secret is what is known of a user: the password, or the hashes of NAME:REALM:PASSWORD in hex.
type Secret struct{ Password, HA1, HA1SHA256 string }

// Realm makes challenges and checks answers. It is safe for all goroutines.
type Realm struct {
	name   string
	key    [32]byte
	life   time.Duration
	sha256 bool
}

// New makes a realm whose nonces live that long; withSHA256: challenges offer SHA-256 too, after MD5, because there are
// clients that look at the first challenge only and know nothing but MD5.
func New(name string, life time.Duration, withSHA256 bool) *Realm {
	r := &Realm{name: name, life: life, sha256: withSHA256}
	_, _ = rand.Read(r.key[:]) // never fails (crypto/rand)
	return r
}

// Name is the realm's.
func (r *Realm) Name() string { return r.name }

// Challenges are the values of WWW-Authenticate or Proxy-Authenticate for a connection.
func (r *Realm) Challenges(conn string, now time.Time, stale bool) []string {
	more := ""
	if stale {
		more = ", stale=true"
	}
	text := func(algorithm string) string {
		return fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"%s`, r.name, r.nonce(conn, now), algorithm, more)
	}
	out := []string{text("MD5")}
	if r.sha256 {
		out = append(out, text("SHA-256"))
	}
	return out
}

func (r *Realm) nonce(conn string, now time.Time) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], uint64(now.UnixMilli()))
	_, _ = rand.Read(raw[8:])
	return base64.RawURLEncoding.EncodeToString(append(raw[:], r.sign(raw[:], conn)...))
}

func (r *Realm) sign(raw []byte, conn string) []byte {
	m := hmac.New(sha256.New, r.key[:])
	m.Write(raw)
	m.Write([]byte(conn))
	return m.Sum(nil)[:12]
}

// fresh says whether the nonce is ours, for this connection, and young enough.
func (r *Realm) fresh(nonce, conn string, now time.Time) (ours, young bool) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != 28 || !hmac.Equal(raw[16:], r.sign(raw[:16], conn)) {
		return false, false
	}
	age := now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(raw[:8]))))
	return true, age >= -time.Second && age <= r.life
}

// Used is what a connection remembers: the nonce it used last, and its count.
type Used struct {
	Nonce string
	Count uint64
}

// Answer is an Authorization or Proxy-Authorization.
type Answer struct {
	User, realm, uri string
	words            map[string]string
}

// Find picks the answer for this realm out of the header's values; nil = none.
func (r *Realm) Find(values []string) *Answer {
	for _, v := range values {
		scheme, w, err := message.Words(v)
		if err == nil && strings.EqualFold(scheme, "Digest") && w["realm"] == r.name {
			return &Answer{User: w["username"], realm: w["realm"], uri: w["uri"], words: w}
		}
	}
	return nil
}

// Request is what the answer is for.
type Request struct {
	Method, URI string
	Conn        string // the connection it came by
	Now         time.Time
}

// Check verifies an answer; used is noted when it is right. Errors: ErrStale when a new nonce will do, else ErrWrong.
func (r *Realm) Check(a *Answer, secret Secret, q Request, used *Used) error {
	w := a.words
	ours, young := r.fresh(w["nonce"], q.Conn, q.Now)
	sum := map[string]func() hash.Hash{"": md5.New, "md5": md5.New, "sha-256": sha256.New}[strings.ToLower(w["algorithm"])]
	if !ours {
		return ErrStale // of before a restart, or of a connection that was lost
	}
	if sum == nil || a.uri != q.URI {
		return ErrWrong
	}
	of := func(s string) string {
		h := sum()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	ha1 := strings.ToLower(secret.HA1)
	if strings.EqualFold(w["algorithm"], "sha-256") {
		ha1 = strings.ToLower(secret.HA1SHA256)
	}
	if secret.Password != "" {
		ha1 = of(a.User + ":" + r.name + ":" + secret.Password)
	}
	want := of(ha1 + ":" + w["nonce"] + ":" + of(q.Method+":"+q.URI)) // RFC 2069, which RFC 3261 §22.4 still wants known
	count := uint64(0)
	if qop := w["qop"]; qop != "" {
		n, err := strconv.ParseUint(w["nc"], 16, 32)
		if qop != "auth" || err != nil || len(w["nc"]) != 8 || w["cnonce"] == "" {
			return ErrWrong
		}
		count = n
		want = of(ha1 + ":" + w["nonce"] + ":" + w["nc"] + ":" + w["cnonce"] + ":" + qop + ":" + of(q.Method+":"+q.URI))
	}
	if ha1 == "" || subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(w["response"]))) != 1 {
		return ErrWrong
	}
	if !young || count != 0 && used.Nonce == w["nonce"] && count <= used.Count {
		return ErrStale
	}
	used.Nonce, used.Count = w["nonce"], max(count, 1)
	return nil
}
