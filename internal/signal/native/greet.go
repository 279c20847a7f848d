package native

import (
	"context"
	"errors"

	"veche.example/internal/room"
	"veche.example/internal/signal/native/proto"
)

// greet handles the frames before a session: hello, and nothing else.
func (k *socket) greet(ctx context.Context, req proto.Request, id int) {
	hello, ok := req.(proto.Hello)
	if !ok || !room.Allowed(0, room.PhaseOutside, room.MsgHello) {
		k.fail(&room.Error{Code: room.CodeNotAllowed, Text: "say hello first"}, id)
		return
	}
	if err := k.enter(ctx, hello, id); err != nil {
		k.refuse(err, id)
		return
	}
	k.c.Ready()
}

// enter resumes the session of the hello's token if it is alive, else makes one.
func (k *socket) enter(ctx context.Context, h proto.Hello, id int) error {
	if h.Resume != nil {
		if who, ok := k.a.config.Lobby.Resume(h.Resume.Token, h.Room); ok {
			defer k.a.enter(who)()
			if s := k.a.find(who); s != nil {
				k.sess = s // before there are events, which may close the socket
				err := s.resume(ctx, k, h.Resume.N, id)
				if err == nil {
					k.c.Log().Info("resumed", "room", who.Room, "member", who.Member)
					return nil
				}
				k.sess = nil
				if !isOver(err) {
					return err
				}
				k.a.forget(who, s) // it ended at this moment: brought back below, if that may be
			}
		}
	}
	s := &guest{a: k.a}
	p, w, err := k.a.config.Lobby.Join(ctx, joinOf(h, k), s)
	if errors.Is(err, room.ErrPresent) { // a session on its way out: the client shall try again
		return &room.Error{Code: room.CodeOverloaded, Text: err.Error()}
	}
	if err != nil {
		return err
	}
	s.p, k.sess = p, s
	if w.Restored {
		k.a.stats.restored.Add(1)
	} else {
		k.a.stats.begun.Add(1)
	}
	s.begin(k, w, id)
	k.c.Log().Info("joined", "room", w.Snapshot.ID, "member", w.Snapshot.You.ID, "restored", w.Restored)
	return nil
}

// isOver tells the end of a session from a server that has too much to do.
func isOver(err error) bool {
	var e *room.Error
	return errors.As(err, &e) && e.Code != room.CodeOverloaded && e.Code != room.CodeInternal
}

// refuse tells why there is no session and closes (veche-v1 §6).
func (k *socket) refuse(err error, id int) {
	e := k.wireError(err)
	if e == nil {
		return
	}
	k.a.stats.refused.Add(1)
	k.c.Log().Info("hello refused", "code", string(e.Code), "ip", k.c.IP())
	k.send(proto.Error{Code: string(e.Code), Message: e.Text}, id)
	k.bye(e.Code, e.Text)
}

func joinOf(h proto.Hello, k *socket) JoinRequest {
	j := JoinRequest{
		Room: h.Room, Audio: h.Audio, Video: h.Video, Name: h.Name, Agent: room.Agent(h.Agent),
		Token: h.Token, Viewer: h.Role == room.Viewer.String(),
		State:  room.State{Mic: h.State.Mic, Camera: h.State.Camera, Screen: h.State.Screen, Hand: h.State.Hand},
		Decode: room.Caps{Audio: h.Decode.Audio, Video: h.Decode.Video},
		Encode: room.Caps{Audio: h.Encode.Audio, Video: h.Encode.Video},
		IP:     k.c.IP(), Reach: k.reach, CID: k.c.ID(),
	}
	j.Kind, _ = room.ParseKind(h.Kind) // absent = meeting; Decode knows no other words
	j.Topology, _ = room.ParseTopology(h.Topology)
	if h.Resume != nil {
		j.Resume = h.Resume.Token
	}
	return j
}
