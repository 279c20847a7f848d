package veche

import (
	"context"

	"veche.example/internal/auth"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/session"
	"veche.example/internal/signal/native"
	"veche.example/internal/signal/whip"
)

// sessionConfig gives sessions what they need of the other parts.
func (s *Server) sessionConfig(keys *auth.Keys) session.Config {
	return session.Config{
		Log: s.log, Hub: s.hub, Keys: keys,
		NewPeer: func(c rtc.PeerConfig) (session.Peer, error) { return s.net.engine.NewPeer(c) },
		ICE:     s.net.iceServers,
		Revoke:  s.net.turn.Revoke,
		Busy:    func() bool { return s.busy() > float64(s.cfg.Limits.CPU)/100 },
		Room:    s.roomOptions, Speakers: s.cfg.Media.Speakers,
	}
}

// roomOptions is what the configuration says of a room that somebody makes.
func (s *Server) roomOptions(session.JoinRequest) room.Options {
	c := &s.cfg.Rooms
	return room.Options{
		Video: c.Video, Audio: c.Audio, MaxMembers: c.MaxMembers, RingTimeout: c.RingTimeout,
		Grace: c.Grace, ReloadGrace: c.ReloadGrace, Open: s.cfg.Auth.OpenRooms,
	}
}

func (s *Server) nativeConfig() native.Config {
	l := &s.cfg.Limits
	return native.Config{
		Log: s.log, Lobby: nativeLobby{s.sessions, s}, Origins: s.cfg.HTTP.Origins, ClientIP: s.clientIP, Reach: s.reach,
		Rate: float64(l.MessagesPerSecond), Burst: l.Burst, Conns: l.Connections, Pending: l.PendingPerIP,
		Frame: int(l.Frame), SDP: int(l.SDP),
	}
}

func (s *Server) whipConfig() whip.Config {
	return whip.Config{
		Log: s.log, Lobby: whipLobby{s.sessions, s}, ClientIP: s.clientIP, Reach: s.reach,
		Prefix: s.stripped, Sessions: s.cfg.Limits.Connections,
		Encoders: whip.Policy(s.cfg.WHIP.Encoders), Absent: !s.cfg.WHIP.Wait,
	}
}

// nativeLobby is the Manager in the words of the native adapter.
type nativeLobby struct {
	*session.Manager
	server *Server
}

// Join implements native.Lobby.
func (l nativeLobby) Join(ctx context.Context, r session.JoinRequest, out session.Outlet) (native.Participant, session.Welcome, error) {
	p, w, err := l.server.join(ctx, r, out)
	if err != nil {
		return nil, w, err
	}
	return nativeParticipant{p}, w, nil
}

type nativeParticipant struct{ *session.Session }

// Media implements native.Participant.
func (p nativeParticipant) Media() native.Media { return p.Session.Media() }

// whipLobby is the Manager in the words of the WHIP adapter.
type whipLobby struct {
	*session.Manager
	server *Server
}

// Join implements whip.Lobby.
func (l whipLobby) Join(ctx context.Context, r session.JoinRequest, out session.Outlet) (whip.Participant, session.Welcome, error) {
	p, w, err := l.server.join(ctx, r, out)
	if err != nil {
		return nil, w, err
	}
	return whipParticipant{p}, w, nil
}

// Watching implements whip.Lobby.
func (l whipLobby) Watching(name room.ID) int { return watching(l.server.viewers.of(name)) }

type whipParticipant struct{ *session.Session }

// Media implements whip.Participant.
func (p whipParticipant) Media() whip.Media { return p.Session.Media() }

// Facts implements whip.Participant.
func (p whipParticipant) Facts() whip.Facts { return p.Session }
