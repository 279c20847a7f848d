package auth

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const maxResumeList = 16 // codecs of a room

// Resume is a session as a resume token remembers it: enough to build it, and its room, again on a
// server that has forgotten both. Only this package's own tokens are believed, so nothing but the
// form is checked.
type Resume struct {
	Room, Member string
	Name         string
	Role         string
	Agent        string
	Kind         string // of the room, as the rest
	Topology     string
	Audio, Video []string // codecs the room is restricted to
	Locked       bool
	Expires      time.Time
}

type resumeClaims struct {
	Room     string   `json:"room"`
	Name     string   `json:"name,omitempty"`
	Role     string   `json:"role"`
	Agent    string   `json:"agent,omitempty"`
	Kind     string   `json:"kind,omitempty"`
	Topology string   `json:"topology,omitempty"`
	Audio    []string `json:"audio,omitempty"`
	Video    []string `json:"video,omitempty"`
	Locked   bool     `json:"locked,omitempty"`
	jwt.RegisteredClaims
}

// MintResume makes a resume token, good until r.Expires.
func (k *Keys) MintResume(r Resume) (string, error) {
	if err := r.check(); err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	return k.resume.sign(resumeClaims{
		Room: r.Room, Name: r.Name, Role: r.Role, Agent: r.Agent, Kind: r.Kind, Topology: r.Topology,
		Audio: r.Audio, Video: r.Video, Locked: r.Locked,
		RegisteredClaims: jwt.RegisteredClaims{Subject: r.Member, ExpiresAt: jwt.NewNumericDate(r.Expires)},
	})
}

// VerifyResume returns what a resume token says. Errors wrap ErrToken or ErrExpired.
func (k *Keys) VerifyResume(token string, now time.Time) (Resume, error) {
	var c resumeClaims
	if err := k.resume.verify(token, &c, now); err != nil {
		return Resume{}, err
	}
	r := Resume{
		Room: c.Room, Member: c.Subject, Name: c.Name, Role: c.Role, Agent: c.Agent, Kind: c.Kind, Topology: c.Topology,
		Audio: c.Audio, Video: c.Video, Locked: c.Locked, Expires: c.ExpiresAt.Time,
	}
	if err := r.check(); err != nil {
		return Resume{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return r, nil
}

func (r Resume) check() error {
	switch {
	case r.Room == "" || r.Member == "" || r.Role == "":
		return fmt.Errorf("room, member and role: must not be empty")
	case len(r.Audio) > maxResumeList || len(r.Video) > maxResumeList:
		return fmt.Errorf("audio, video: must have at most %d names", maxResumeList)
	case r.Expires.IsZero():
		return fmt.Errorf("expires: is missing")
	}
	return nil
}
