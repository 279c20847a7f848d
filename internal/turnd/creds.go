package turnd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// Credentials are made and checked without a table. The user name is "expiry:member", expiry in Unix milliseconds; the
// password is an HMAC-SHA256 of it. It has the form of the TURN REST draft but not its HMAC-SHA1, because nobody else has
// to check it: the secret is the server's own and other TURN servers are not asked.
//
// A credential is checked on each Allocate. Refresh, CreatePermission and ChannelBind of a running allocation are let
// through after it has expired, so that a call may last longer than the few minutes of the credential: it ends with the
// member, by Revoke, not with the clock.

// guestMember is whose relays those of Config.Guest are.
const guestMember = "guest"

// maxMember bounds a member's name inside a credential; a STUN user name has at most 508 bytes (RFC 8489 §14.3).
const maxMember = 256

// creds makes and checks credentials. Methods may be called from any goroutine.
type creds struct {
	key   []byte // made from Config.Secret
	realm string
	ttl   time.Duration

	mu        sync.Mutex       // guards the following
	revokedAt map[string]int64 // by member: credentials issued up to then (Unix ms) are void
	pruneAt   int              // size of revokedAt at which old entries are removed
}

// firstPrune is the number of revoked members at which it is looked for those whose credentials have expired anyway.
const firstPrune = 1024

func newCreds(secret []byte, realm string, ttl time.Duration) *creds {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("veche TURN credentials 1"))
	return &creds{key: m.Sum(nil), realm: realm, ttl: ttl, revokedAt: map[string]int64{}, pruneAt: firstPrune}
}

func (c *creds) password(user string) string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(user))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (c *creds) issue(member string, now time.Time) (user, password string, expires time.Time) {
	issued := now.UnixMilli()
	c.mu.Lock()
	if at, ok := c.revokedAt[member]; ok && issued <= at {
		issued = at + 1 // came back within the millisecond
	}
	c.mu.Unlock()
	expires = time.UnixMilli(issued).Add(c.ttl)
	user = strconv.FormatInt(expires.UnixMilli(), 10) + ":" + member
	return user, c.password(user), expires
}

func (c *creds) revoke(member string, now time.Time) {
	ms := now.UnixMilli()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revokedAt[member] = ms
	if len(c.revokedAt) < c.pruneAt {
		return
	}
	for m, at := range c.revokedAt {
		if ms-at > c.ttl.Milliseconds() {
			delete(c.revokedAt, m)
		}
	}
	c.pruneAt = max(firstPrune, 2*len(c.revokedAt))
}

func (c *creds) revoked(u userID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.revokedAt[u.member]
	return ok && u.issued <= at
}

// check finds the user and the key of a request, or refuses it.
func (c *creds) check(a *turn.RequestAttributes, now time.Time) (u userID, key []byte, ok bool) {
	expiry, member, found := strings.Cut(a.Username, ":")
	ms, err := strconv.ParseInt(expiry, 10, 64)
	from := addrPortOf(a.SrcAddr)
	u = userID{ip: from.Addr(), issued: ms - c.ttl.Milliseconds(), member: member}
	switch {
	case !found, err != nil, member == "", len(member) > maxMember, a.Realm != c.realm, !from.IsValid(),
		a.Method == stun.MethodAllocate && now.UnixMilli() >= ms, c.revoked(u):
		return u, nil, false
	}
	return u, turn.GenerateAuthKey(a.Username, a.Realm, c.password(a.Username)), true
}

// Credentials makes a user name and a password for a member, good for new allocations until expires.
func (s *Server) Credentials(member string, now time.Time) (user, password string, expires time.Time) {
	return s.creds.issue(member, now)
}

// Revoke ends the member's allocations and makes all credentials issued to it so far worthless.
func (s *Server) Revoke(member string) {
	s.creds.revoke(member, s.now()) // first: a relay that is just being opened looks at it last
	s.mu.Lock()
	var gone []*relayConn
	for r := range s.relays {
		if r.user.member == member {
			gone = append(gone, r)
		}
	}
	s.mu.Unlock()
	for _, r := range gone {
		_ = r.Close() // Pion's relay loop ends with it and deletes the allocation
		s.count.revoked.Add(1)
	}
}

// userID is what Pion keeps of a client: it is compared when an allocation is used again, and handed to the quota and the
// relay generator, which is why it holds more than the member.
type userID struct {
	ip     netip.Addr // client address
	issued int64      // Unix ms
	member string
}

func (u userID) String() string {
	return u.ip.String() + "|" + strconv.FormatInt(u.issued, 10) + "|" + u.member
}

func parseUserID(s string) (u userID, ok bool) {
	ip, rest, ok1 := strings.Cut(s, "|")
	issued, member, ok2 := strings.Cut(rest, "|")
	if !ok1 || !ok2 || member == "" {
		return userID{}, false
	}
	var err1, err2 error
	u.ip, err1 = netip.ParseAddr(ip)
	u.issued, err2 = strconv.ParseInt(issued, 10, 64)
	u.member = member
	return u, err1 == nil && err2 == nil
}

// authenticate is Pion's AuthHandler: it finds the key of a user name, or refuses it.
func (s *Server) authenticate(a *turn.RequestAttributes) (string, []byte, bool) {
	if g := s.c.Guest; g.User != "" && a.Username == g.User {
		if from := addrPortOf(a.SrcAddr).Addr(); from.IsValid() && s.policy.interfaceIP(from) && a.Realm == s.c.Realm {
			return userID{ip: from, member: guestMember}.String(), turn.GenerateAuthKey(g.User, a.Realm, g.Password), true
		}
	}
	u, key, ok := s.creds.check(a, s.now())
	if !ok {
		s.failed(u.ip)
		return "", nil, false
	}
	return u.String(), key, true
}

// failed counts wrong credentials; they cost their source dearly.
func (s *Server) failed(ip netip.Addr) {
	s.count.authFailed.Add(1)
	s.limiter.take(ip, s.now(), failureCost)
}

// addrPortOf is a client's or peer's address in canonical form, invalid if it is none.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
