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
	grant, resume []byte
}

// NewKeys returns the keys of a secret of at least MinSecret bytes.
func NewKeys(secret []byte) (*Keys, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("auth: the secret has %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	k := &Keys{grant: append([]byte(nil), secret...)}
	k.resume = k.Derive("resume")
	return k, nil
}

// Derive returns 32 bytes that depend on the secret and on what they are for, such as "turn". The
// same secret gives the same bytes after a restart; they tell nothing about the secret.
func (k *Keys) Derive(purpose string) []byte {
	h := hmac.New(sha256.New, k.grant)
	h.Write([]byte("veche key v1 " + purpose))
	return h.Sum(nil)
}

// sign makes a token of a type.
func sign(claims jwt.Claims, typ string, key []byte) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	t.Header["typ"] = typ
	s, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	if len(s) > MaxToken {
		return "", fmt.Errorf("auth: the token would have %d bytes, at most %d are allowed", len(s), MaxToken)
	}
	return s, nil
}

// verify fills claims from a token whose type is one of types.
func verify(token string, claims jwt.Claims, key []byte, now time.Time, leeway time.Duration, types ...any) error {
	if len(token) > MaxToken { // before parsing: CVE-2025-30204
		return fmt.Errorf("%w: %d bytes", ErrToken, len(token))
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	_, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		for _, typ := range types {
			if t.Header["typ"] == typ {
				return key, nil
			}
		}
		return nil, fmt.Errorf("type %v", t.Header["typ"])
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
