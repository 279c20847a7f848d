package whip

import (
	"context"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// Lobby is where members come from. Join is called from many goroutines. Events go to out, possibly
// before Join returns. Errors are *room.Error; when ctx ends before Join returns, nothing has happened.
type Lobby interface {
	Join(ctx context.Context, r session.JoinRequest, out session.Outlet) (Participant, session.Welcome, error)
}

// Participant is one member, whose methods are called by one goroutine at a time. Errors are
// *room.Error; Offer's has the code "sdp" for a description that cannot be applied.
type Participant interface {
	// Do applies a command in the member's name. room.Leave ends it and its media connection.
	Do(ctx context.Context, c room.Command) (room.Reply, error)
	// Offer makes the media connection; again with the same PC and other ICE credentials it restarts ICE.
	Offer(ctx context.Context, o session.Offer) (answer string, err error)
	Candidate(ctx context.Context, c session.Candidate) error
	View(ctx context.Context, w []session.Wish) error
}
