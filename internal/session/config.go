package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"time"

	"veche.example/internal/auth"
	"veche.example/internal/hub"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/rtc/pace"
	"veche.example/internal/sfu"
)

// Defaults of Config.
const (
	DefaultSeats     = 49
	DefaultSpeakers  = 5
	DefaultResumeTTL = 24 * time.Hour
)

// CodeSDP is the code of veche-v1 §6 for a description that could not be applied.
const CodeSDP room.Code = "sdp"

// CodeReplaced is the code of the room.Removed that an Outlet is told when another one took over its session.
const CodeReplaced room.Code = "replaced"

// Peer is a media connection of package rtc. Its methods may be called from any goroutine. One that is a Way as well has
// its pictures fitted to it.
type Peer interface {
	// Offer answers an offer; errors are rtc.ErrSDP and rtc.ErrClosed, wrapped, or that of ctx.
	Offer(ctx context.Context, o rtc.Offer) (answer string, err error)
	// Candidate takes a trickled candidate; errors are rtc.ErrCandidate and rtc.ErrClosed, wrapped.
	Candidate(c rtc.Candidate) error
	// Slot is the slot of a section on which the client receives, nil if there is none.
	Slot(mid string) *sfu.Slot
	// Close ends the connection and waits for what belongs to it. Idempotent.
	Close()
}

// Way is what a peer knows of the way to its client.
type Way interface {
	// Estimate says what it carries now.
	Estimate() pace.Estimate
	// Demand says how much there is to send, in bit/s: as far as that it is worth finding out what the way carries.
	Demand(bitrate int)
}

// Config configures a Manager.
type Config struct {
	Log     *slog.Logger // nil = silent
	Hub     *hub.Hub     // required
	Keys    *auth.Keys   // required
	NewPeer func(rtc.PeerConfig) (Peer, error)
	// ICE makes the ICE servers of a member with fresh credentials; nil = none.
	ICE func(member room.MemberID, reach Reach) []ICEServer
	// Revoke ends the credentials of a member who is gone; nil = nothing to do. It may wait a little.
	Revoke func(member room.MemberID)
	// Busy: nobody new is let in, only who comes back; nil = never.
	Busy func() bool
	// Room makes the options of a room that is being created: its limits, and whether it is open. What
	// the request says of the room is filled in by the Manager. nil = a closed room with the defaults.
	Room      func(JoinRequest) room.Options
	ResumeTTL time.Duration        // of resume tokens; 0 = DefaultResumeTTL
	Seats     int                  // of one media connection; 0 = DefaultSeats
	Speakers  int                  // whose sound is sent in a room, the loudest; 0 = DefaultSpeakers, < 0 = all
	Now       func() time.Time     // for tokens; nil = time.Now
	NewID     func() room.MemberID // nil = 128 random bits
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.NewPeer == nil {
		c.NewPeer = func(rtc.PeerConfig) (Peer, error) {
			return nil, &room.Error{Code: room.CodeNotAllowed, Text: "this server has no media"}
		}
	}
	if c.ICE == nil {
		c.ICE = func(room.MemberID, Reach) []ICEServer { return nil }
	}
	if c.Busy == nil {
		c.Busy = func() bool { return false }
	}
	if c.Revoke == nil {
		c.Revoke = func(room.MemberID) {}
	}
	if c.Room == nil {
		c.Room = func(JoinRequest) room.Options { return room.Options{} }
	}
	if c.ResumeTTL <= 0 {
		c.ResumeTTL = DefaultResumeTTL
	}
	if c.Seats <= 0 {
		c.Seats = DefaultSeats
	}
	if c.Speakers == 0 {
		c.Speakers = DefaultSpeakers
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = randomID
	}
	return c
}

// randomID returns 128 random bits as 22 characters (veche-v1 §1).
func randomID() room.MemberID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
