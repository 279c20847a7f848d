// Package lite is an ICE-lite agent (RFC 8445 §2.5): it answers connectivity checks, and frames datagrams on TCP.
package lite

import (
	"bytes"
	"crypto/rand"
	"net"
	"net/netip"

	"github.com/pion/stun/v4"
)

// Agent is one set of ICE credentials. It is immutable.
type Agent struct {
	Ufrag, Pwd string
	User       string // of the client's checks
	integrity  stun.MessageIntegrity
}

// New makes credentials towards a client with the user name fragment given.
func New(remote string) *Agent {
	a := &Agent{Ufrag: random(8), Pwd: random(24)}
	a.User = a.Ufrag + ":" + remote
	a.integrity = stun.NewShortTermIntegrity(a.Pwd)
	return a
}

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"

// random gives n ice-chars of 6 random bits each.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}

// Check is an answered connectivity check.
type Check struct {
	Reply    []byte
	Success  bool
	Use      bool   // the client nominates the pair
	Priority uint32 // of the client's candidate
}

// Answer checks a Binding request (RFC 8445 §7.3) and makes the answer. It is false for what is not answered: anything
// that does not prove to know the password.
func (a *Agent) Answer(b []byte, from netip.AddrPort) (Check, bool) {
	m := &stun.Message{Raw: b}
	if m.Decode() != nil || m.Type != stun.BindingRequest {
		return Check{}, false
	}
	user, err := m.Get(stun.AttrUsername)
	if err != nil || string(user) != a.User || a.integrity.Check(m) != nil {
		return Check{}, false
	}
	if m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil {
		return Check{}, false
	}
	id := stun.NewTransactionIDSetter(m.TransactionID)
	if m.Contains(stun.AttrICEControlled) { // RFC 8445 §7.3.1.1: a lite agent is always controlled
		r, err := stun.Build(id, stun.BindingError, stun.CodeRoleConflict, a.integrity, stun.Fingerprint)
		if err != nil {
			return Check{}, false
		}
		return Check{Reply: r.Raw}, true
	}
	mapped := &stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())}
	r, err := stun.Build(id, stun.BindingSuccess, mapped, a.integrity, stun.Fingerprint)
	if err != nil {
		return Check{}, false
	}
	c := Check{Reply: r.Raw, Success: true, Use: m.Contains(stun.AttrUseCandidate)}
	if v, err := m.Get(stun.AttrPriority); err == nil && len(v) == 4 {
		c.Priority = uint32(v[0])<<24 | uint32(v[1])<<16 | uint32(v[2])<<8 | uint32(v[3])
	}
	return c, true
}

// PairPriority is RFC 8445 §6.1.2.3 with the client controlling; prefer is the type preference of our candidate.
func PairPriority(client, prefer uint32) uint64 {
	ours := prefer<<24 | 0xffff<<8 | 255
	p := uint64(min(client, ours))<<32 | uint64(max(client, ours))<<1
	if client > ours {
		p++
	}
	return p
}

// UfragOf gives the local user name fragment of a check, "" if it is none.
func UfragOf(b []byte) string {
	m := &stun.Message{Raw: b}
	if len(b) == 0 || b[0] > 3 || m.Decode() != nil || m.Type != stun.BindingRequest {
		return ""
	}
	user, err := m.Get(stun.AttrUsername)
	if err != nil {
		return ""
	}
	ufrag, _, _ := bytes.Cut(user, []byte(":"))
	return string(ufrag)
}
