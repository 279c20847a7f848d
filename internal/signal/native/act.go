package native

import (
	"context"
	"fmt"

	"veche.example/internal/room"
	"veche.example/internal/signal/native/proto"
)

// act does what a request asks for, which the session may, and answers it. What is not a command
// for the room is either media's or the adapter's own.
func (k *socket) act(ctx context.Context, req proto.Request, id int) error {
	s := k.sess
	if p, ok := req.(proto.Ping); ok {
		s.seen(p.N)
		k.send(proto.Pong{}, id)
		return nil
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	if err := ctx.Err(); err != nil {
		return err // another socket took the session while we waited
	}
	if _, ok := req.(proto.Leave); ok {
		return k.leave(ctx, id)
	}
	var ok proto.OK
	var err error
	if c := commandOf(req); c != nil {
		ok, err = k.command(ctx, c)
	} else {
		ok, err = k.media(ctx, req)
	}
	if err == nil && id > 0 {
		k.send(ok, id)
	}
	return err
}

// leave answers before the bye, although the session's last event comes before the command returns.
func (k *socket) leave(ctx context.Context, id int) error {
	s := k.sess
	leaving := func(v bool) room.Code {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leaving = v
		return s.over
	}
	leaving(true)
	if _, err := s.p.Do(ctx, room.Leave{}); err != nil {
		if over := leaving(false); over != "" { // for another reason, which was not told
			k.bye(over, "")
		}
		return err
	}
	if id > 0 {
		k.send(proto.OK{}, id)
	}
	k.bye(room.CodeLeft, "")
	return nil
}

// command gives a command to the room.
func (k *socket) command(ctx context.Context, c room.Command) (proto.OK, error) {
	reply, err := k.sess.p.Do(ctx, c)
	if err != nil {
		return proto.OK{}, err
	}
	var ok proto.OK
	if reply.Call != nil {
		call := callOf(*reply.Call)
		ok.Call = &call
	}
	if reply.Chat != nil {
		chat := chatOf(*reply.Chat)
		ok.Chat = &chat
	}
	return ok, nil
}

// commandOf is the request as a command of the room, nil if it is none. The sender is not in it:
// Participant.Do knows whose session it is.
func commandOf(req proto.Request) room.Command {
	switch r := req.(type) {
	case proto.SetState:
		return room.SetState{Mic: r.Mic, Camera: r.Camera, Screen: r.Screen, Hand: r.Hand}
	case proto.Ready:
		return room.Ready{Epoch: r.Epoch}
	case proto.Signal:
		return room.Signal{To: r.To, Link: r.Link, Data: r.Data}
	case proto.Ring:
		return room.Ring{To: r.To, Video: r.Video}
	case proto.Accept:
		return room.Accept{Call: r.Call}
	case proto.Decline:
		return room.Decline{Call: r.Call}
	case proto.Cancel:
		return room.Cancel{Call: r.Call}
	case proto.Hangup:
		return room.HangUp{Call: r.Call}
	case proto.Chat:
		c := room.Chat{Text: r.Text, To: r.To}
		if r.File != nil {
			c.File = &room.File{ID: r.File.ID, Name: r.File.Name, Size: r.File.Size, MIME: r.File.MIME}
		}
		return c
	case proto.Mute:
		return room.Mute{Member: r.Member, Source: room.Source(r.Source)}
	case proto.Remove:
		return room.Remove{Member: r.Member}
	case proto.Lock:
		return room.Lock{Locked: r.Locked}
	case proto.SetRole:
		role, _ := room.ParseRole(r.Role) // Decode knows no other words
		return room.SetRole{Member: r.Member, Role: role}
	case proto.End:
		return room.End{}
	}
	return nil
}

// media gives a request to the session's media connection.
func (k *socket) media(ctx context.Context, req proto.Request) (ok proto.OK, err error) {
	m := k.sess.p.Media()
	switch r := req.(type) {
	case proto.Offer:
		if len(r.Seats) > k.a.config.Seats {
			return ok, badMessage(fmt.Sprintf("seats: more than %d", k.a.config.Seats))
		}
		pc := r.PC
		ok.PC = &pc
		ok.SDP, err = m.Offer(ctx, offerOf(r))
	case proto.Candidate:
		err = m.Candidate(ctx, candidateOf(r))
	case proto.View:
		wishes := make([]Wish, 0, len(r.Seats))
		for _, w := range r.Seats {
			if w.Seat >= k.a.config.Seats {
				return ok, badMessage(fmt.Sprintf("seats: only 0 to %d", k.a.config.Seats-1))
			}
			wishes = append(wishes, Wish{
				Seat: w.Seat, Member: w.Member, Source: room.Source(w.Source),
				Width: w.Width, Height: w.Height, Paused: w.Paused,
			})
		}
		err = m.View(ctx, wishes)
	case proto.ICE:
		var list []ICEServer
		list, err = m.ICEServers(ctx)
		servers := iceOf(list)
		ok.ICEServers = &servers
	default: // Decode knows a message that nobody here does
		err = fmt.Errorf("native: no handler for %s", req.Type())
	}
	return ok, err
}

func badMessage(text string) error { return &room.Error{Code: room.CodeBadMessage, Text: text} }

func offerOf(r proto.Offer) Offer {
	o := Offer{PC: r.PC, SDP: r.SDP}
	for _, t := range r.Tracks {
		o.Tracks = append(o.Tracks, Section{MID: t.MID, Source: room.Source(t.Source)})
	}
	for _, s := range r.Seats {
		o.Seats = append(o.Seats, SeatPair{Audio: s.A, Video: s.V})
	}
	return o
}

func candidateOf(r proto.Candidate) Candidate {
	c := Candidate{PC: r.PC, Index: -1}
	if r.Candidate == nil {
		return c
	}
	c.Line = r.Candidate.Candidate
	if p := r.Candidate.SDPMid; p != nil {
		c.MID = *p
	}
	if p := r.Candidate.SDPMLineIndex; p != nil {
		c.Index = *p
	}
	if p := r.Candidate.UsernameFragment; p != nil {
		c.Fragment = *p
	}
	return c
}
