package veche

import (
	"errors"
	"time"

	"veche.example/internal/auth"
	"veche.example/internal/config"
	"veche.example/internal/egress/live"
	"veche.example/internal/room"
)

// openOutputs makes what goes out over HTTP.
func openOutputs(s *Server, c config.Outputs) *live.Server {
	return live.New(live.Config{
		Log: s.log, Host: s.sessions, Present: s.sessions.Present, ClientIP: s.clientIP, Max: c.Max, Idle: c.Idle,
		Allow: func(id room.ID, token string) error { return mayWatch(s.keys, s.cfg.Auth.OpenRooms, id, token) },
	})
}

// mayWatch judges the token of somebody who wants to watch a room without being its member; "" = none. It lets in whoever
// might come as a viewer. The error is a *room.Error.
func mayWatch(keys *auth.Keys, open bool, id room.ID, token string) error {
	if token == "" {
		if open {
			return nil
		}
		return &room.Error{Code: room.CodeToken, Text: "this room needs a token"}
	}
	_, err := keys.Verify(token, id, time.Now())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, auth.ErrExpired):
		return &room.Error{Code: room.CodeToken, Text: "the token has expired"}
	case errors.Is(err, auth.ErrRoom):
		return &room.Error{Code: room.CodeToken, Text: "the token is for another room"}
	}
	return &room.Error{Code: room.CodeToken, Text: "the token is not valid"}
}
