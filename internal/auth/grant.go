package auth

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// The roles a grant can give.
const (
	Viewer    = "viewer"
	Speaker   = "speaker"
	Moderator = "moderator"
)

const (
	maxName     = 64  // code points of a room's or a person's name (veche-v1 §3)
	maxIdentity = 256 // bytes
)

// Grant is the right to join one room.
type Grant struct {
	Room     string
	Name     string // shown to others; "" = the one the client gives
	Identity string // who this is for the issuer; "" = nobody in particular
	Role     string // Viewer, Speaker or Moderator; "" = Speaker
	Expires  time.Time
}

// grantClaims is a grant on the wire, documented in docs/guide.md.
type grantClaims struct {
	Room string `json:"room"`
	Name string `json:"name,omitempty"`
	Role string `json:"role,omitempty"`
	jwt.RegisteredClaims
}

// Mint makes a grant, good until g.Expires. Errors are those of a grant that Verify would refuse.
func (k *Keys) Mint(g Grant) (string, error) {
	if g.Role == "" {
		g.Role = Speaker
	}
	if err := g.check(); err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	return k.grant.sign(grantClaims{
		Room: g.Room, Name: g.Name, Role: g.Role,
		RegisteredClaims: jwt.RegisteredClaims{Subject: g.Identity, ExpiresAt: jwt.NewNumericDate(g.Expires)},
	})
}

// Verify returns the grant in a token for the room. Errors wrap ErrToken, ErrExpired, ErrNotYet or
// ErrRoom.
func (k *Keys) Verify(token, room string, now time.Time) (Grant, error) {
	var c grantClaims
	if err := k.grant.verify(token, &c, now); err != nil {
		return Grant{}, err
	}
	g := Grant{Room: c.Room, Name: c.Name, Identity: c.Subject, Role: c.Role, Expires: c.ExpiresAt.Time}
	if g.Role == "" {
		g.Role = Speaker
	}
	if err := g.check(); err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if g.Room != room {
		return Grant{}, ErrRoom
	}
	return g, nil
}

func (g Grant) check() error {
	switch {
	case g.Room == "" || !utf8.ValidString(g.Room) || utf8.RuneCountInString(g.Room) > maxName:
		return fmt.Errorf("room: must have 1 to %d characters", maxName)
	case !utf8.ValidString(g.Name) || utf8.RuneCountInString(g.Name) > maxName:
		return fmt.Errorf("name: must have at most %d characters", maxName)
	case len(g.Identity) > maxIdentity:
		return fmt.Errorf("identity: must have at most %d bytes", maxIdentity)
	case g.Expires.IsZero():
		return fmt.Errorf("expires: is missing")
	}
	switch g.Role {
	case Viewer, Speaker, Moderator:
		return nil
	}
	return fmt.Errorf("role: %q is not viewer, speaker or moderator", g.Role)
}
