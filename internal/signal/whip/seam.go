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
	// Live says whether anybody is in the room, and whether anything is published there.
	Live(name room.ID) (exists, live bool)
	// Watching counts those who only watch, by whatever protocol.
	Watching(name room.ID) int
}

// Participant is one member. Errors are *room.Error.
type Participant interface {
	// Do applies a command in the member's name. room.Leave ends it and its media connection. It is called by one
	// goroutine at a time, as are the methods of Media.
	Do(ctx context.Context, c room.Command) (room.Reply, error)
	Media() Media
	Facts() Facts
}

// Media is a member's media connection. Offer's error has the code "sdp" for a description that cannot be applied.
type Media interface {
	// Offer makes the media connection; again with the same PC and other ICE credentials it restarts ICE.
	Offer(ctx context.Context, o session.Offer) (answer string, err error)
	Candidate(ctx context.Context, c session.Candidate) error
	View(ctx context.Context, w []session.Wish) error
}

// Facts is what is known of a member's media; any goroutine may ask.
type Facts interface {
	// Received counts packets of a publisher.
	Received() uint64
	// Offered lists the ways to show somebody else's source.
	Offered(member room.MemberID, source room.Source) []session.Offered
}
