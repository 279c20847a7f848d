// Package auth mints and verifies the two kinds of token: grants, which let somebody into a room,
// and resume tokens, which bring a session back after its socket or the server was lost.
//
// Both are JWTs (RFC 7519) with HS256 and no other algorithm. A grant is signed with the secret
// itself, so that any JWT library can make one (docs/guide.md); a resume token has a key of its own,
// derived from the secret, and a type of its own (RFC 8725 §3.11): neither passes for the other.
package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Limits of tokens.
const (
	MinSecret = 32               // bytes of the secret (RFC 7518 §3.2)
	MaxToken  = 4 << 10          // bytes of a token; longer ones are not looked at
	Leeway    = 10 * time.Second // how far the clock of a foreign issuer of grants may be off
)

// Errors of Verify and VerifyResume; they are wrapped with the cause, which is for logs.
var (
	// ErrToken: not a token of this kind, or not signed by us.
	ErrToken = errors.New("auth: invalid token")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("auth: token has expired")
	// ErrNotYet: its time has not begun.
	ErrNotYet = errors.New("auth: token is not valid yet")
	// ErrRoom: a valid grant for another room.
	ErrRoom = errors.New("auth: token is for another room")
)

// Keys mints and verifies tokens. It is immutable and safe for concurrent use.
type Keys struct {
	grant, resume kind
}

// kind is what makes one kind of token differ from the other.
type kind struct {
	key    []byte
	typ    string // in the header (RFC 8725 §3.11)
	bare   bool   // a missing type is as good
	leeway time.Duration
}

// NewKeys returns the keys of a secret of at least MinSecret bytes.
func NewKeys(secret []byte) (*Keys, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("auth: the secret has %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	k := &Keys{grant: kind{key: append([]byte(nil), secret...), typ: "JWT", bare: true, leeway: Leeway}}
	k.resume = kind{key: k.Derive("resume"), typ: "veche-resume+jwt"}
	return k, nil
}

// Derive returns 32 bytes that depend on the secret and on what they are for, such as "turn". The
// same secret gives the same bytes after a restart; they tell nothing about the secret.
func (k *Keys) Derive(purpose string) []byte {
	h := hmac.New(sha256.New, k.grant.key)
	h.Write([]byte("veche key v1 " + purpose))
	return h.Sum(nil)
}

// sign makes a token of this kind.
func (k kind) sign(claims jwt.Claims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	t.Header["typ"] = k.typ
	s, err := t.SignedString(k.key)
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	if len(s) > MaxToken {
		return "", fmt.Errorf("auth: the token would have %d bytes, at most %d are allowed", len(s), MaxToken)
	}
	return s, nil
}

// verify fills claims from a token of this kind.
func (k kind) verify(token string, claims jwt.Claims, now time.Time) error {
	if len(token) > MaxToken { // before parsing: CVE-2025-30204
		return fmt.Errorf("%w: %d bytes", ErrToken, len(token))
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(), jwt.WithLeeway(k.leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	_, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if typ, there := t.Header["typ"]; typ != k.typ && (there || !k.bare) {
			return nil, fmt.Errorf("type %v", typ)
		}
		return k.key, nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable), errors.Is(err, jwt.ErrTokenMalformed):
		return fmt.Errorf("%w: %w", ErrToken, err)
	case errors.Is(err, jwt.ErrTokenExpired):
		return fmt.Errorf("%w: %w", ErrExpired, err)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return fmt.Errorf("%w: %w", ErrNotYet, err)
	}
	return fmt.Errorf("%w: %w", ErrToken, err)
}
