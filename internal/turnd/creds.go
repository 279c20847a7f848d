package turnd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/netip"
	"strconv"
	"strings"
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

// maxMember bounds a member's name inside a credential; a STUN user name has at most 508 bytes (RFC 8489 §14.3).
const maxMember = 256

func credentialKey(secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("veche TURN credentials 1"))
	return m.Sum(nil)
}

func (s *Server) password(user string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(user))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Credentials makes a user name and a password for a member, good for new allocations until expires.
func (s *Server) Credentials(member string, now time.Time) (user, password string, expires time.Time) {
	issued := now.UnixMilli()
	s.mu.Lock()
	if at, ok := s.revokedAt[member]; ok && issued <= at {
		issued = at + 1 // came back within the millisecond
	}
	s.mu.Unlock()
	expires = time.UnixMilli(issued).Add(s.c.TTL)
	user = strconv.FormatInt(expires.UnixMilli(), 10) + ":" + member
	return user, s.password(user), expires
}

// firstPrune is the number of revoked members at which it is looked for those whose credentials have expired anyway.
const firstPrune = 1024

// Revoke ends the member's allocations and makes all credentials issued to it so far worthless.
func (s *Server) Revoke(member string) {
	now := s.now().UnixMilli()
	s.mu.Lock()
	s.revokedAt[member] = now
	if len(s.revokedAt) >= s.pruneAt {
		for m, at := range s.revokedAt {
			if now-at > s.c.TTL.Milliseconds() {
				delete(s.revokedAt, m)
			}
		}
		s.pruneAt = max(firstPrune, 2*len(s.revokedAt))
	}
	var gone []*relayConn
	for r := range s.relays {
		if r.user.member == member {
			gone = append(gone, r)
		}
	}
	s.mu.Unlock()
	for _, r := range gone {
		_ = r.Close() // Pion's relay loop ends with it and deletes the allocation
		s.revoked.Add(1)
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
	from := addrPortOf(a.SrcAddr)
	expiry, member, ok := strings.Cut(a.Username, ":")
	ms, err := strconv.ParseInt(expiry, 10, 64)
	u := userID{ip: from.Addr(), issued: ms - s.c.TTL.Milliseconds(), member: member}
	switch {
	case !ok, err != nil, member == "", len(member) > maxMember, a.Realm != s.c.Realm, !from.IsValid(),
		a.Method == stun.MethodAllocate && s.now().UnixMilli() >= ms, s.isRevoked(u):
		s.failed(from.Addr())
		return "", nil, false
	}
	return u.String(), turn.GenerateAuthKey(a.Username, a.Realm, s.password(a.Username)), true
}

func (s *Server) isRevoked(u userID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.revokedAt[u.member]
	return ok && u.issued <= at
}

// onAuth is told the outcome of checking a message's integrity.
func (s *Server) onAuth(src, _ net.Addr, _, _, _, _ string, ok bool) {
	if !ok {
		s.failed(addrPortOf(src).Addr())
	}
}

// failed counts wrong credentials; they cost their source dearly.
func (s *Server) failed(ip netip.Addr) {
	s.authFailed.Add(1)
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
