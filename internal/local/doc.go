// Package local makes members of rooms of parts of this process: a Publisher gives media that came by another protocol, a
// Viewer takes media for another one. To the room, and to everybody in it, they are members as any other.
//
//	RTMP, RTSP, SRT ─▶ Publisher.Track ─▶ sfu.Track ─▶ … whoever watches
//	… whoever publishes ─▶ sfu.Slot ─▶ Queue ─▶ HLS, DASH, RTMP, a file
//
// Nobody negotiates: what a browser's session description would say is fixed here.
package local

import (
	"context"

	"veche.example/internal/session"
)

// Host is where members join: a session.Manager.
type Host interface {
	Join(ctx context.Context, r session.JoinRequest, out session.Outlet) (*session.Session, session.Welcome, error)
}

// generation is the PC of all connections: a member here has one for life.
const generation = 1
