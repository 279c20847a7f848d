package native

import (
	"context"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// The values that pass between an adapter and a session are the session's own.
type (
	Who         = session.Who
	JoinRequest = session.JoinRequest
	Welcome     = session.Welcome
	ICEServer   = session.ICEServer
	Offer       = session.Offer
	Section     = session.Section
	SeatPair    = session.SeatPair
	Candidate   = session.Candidate
	Wish        = session.Wish
	Seat        = session.Seat
	SeatStatus  = session.SeatStatus
	MediaState  = session.MediaState
	Notice      = session.Notice
	Outlet      = session.Outlet // implemented here
)

// Lobby is where sessions come from. Its methods are called from many goroutines.
type Lobby interface {
	// Resume verifies a resume token and says whose it is. It changes nothing and asks no room:
	// false for a token that is forged, expired or for another room.
	Resume(token, room string) (Who, bool)

	// Join makes a new session, or, with a valid JoinRequest.Resume, brings back one that the
	// server no longer has (Welcome.Restored). A resume token that is not valid is as good as
	// none. Events that come after the state in Welcome go to out, possibly before Join returns.
	// Errors are *room.Error, with the codes of veche-v1 §6 (proto.Code…) that package room does
	// not have where they fit better. When ctx ends before Join returns, nothing has happened.
	Join(ctx context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error)
}

// Participant is one session, whose methods are called by one goroutine at a time.
type Participant interface {
	// Do applies a command in the session's name. room.Leave ends the session.
	Do(ctx context.Context, c room.Command) (room.Reply, error)
	// Attach says that the session has a socket again (or another one) and returns the state of
	// the world and fresh secrets. An error means that the session is over.
	Attach(ctx context.Context) (Welcome, error)
	// Detach says that the socket is gone; reload: the page was closed or reloaded. It must not
	// block for long; a session that is over ignores it.
	Detach(reload bool)
	// Media is the session's connection to the server, never nil.
	Media() Media
}

// Media is a session's media connection. Offer may create it, and does again for a higher PC.
// Errors are *room.Error; code proto.CodeSDP for a description that cannot be applied.
type Media interface {
	Offer(ctx context.Context, o Offer) (answer string, err error)
	Candidate(ctx context.Context, c Candidate) error
	View(ctx context.Context, w []Wish) error
	// ICEServers returns fresh TURN credentials.
	ICEServers(ctx context.Context) ([]ICEServer, error)
}
