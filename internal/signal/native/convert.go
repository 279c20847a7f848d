package native

import (
	"veche.example/internal/room"
	"veche.example/internal/session"
	"veche.example/internal/signal/native/proto"
)

// eventOf writes an event of the room in the words of the protocol, nil for one it has no word for.
// Removed is not among them: it becomes a bye.
func eventOf(e room.Event) proto.Event {
	switch e := e.(type) {
	case room.Joined:
		return proto.Joined{Member: memberOf(e.Member)}
	case room.Left:
		return proto.Left{Member: e.Member, Reason: string(e.Reason)}
	case room.Updated:
		return proto.Updated{Member: memberOf(e.Member)}
	case room.RoomChanged:
		return proto.RoomChanged{
			Locked: e.Locked, Video: list(e.Video), Audio: list(e.Audio), Publish: proto.Publish{Video: e.Publish.Video},
		}
	case room.TopologyChanged:
		return proto.Topology{Mode: e.Mode.String(), Epoch: e.Epoch}
	case room.Settled:
		return proto.Settled{Epoch: e.Epoch}
	case room.CallChanged:
		return proto.CallChanged{Call: callOf(e.Call)}
	case room.ChatPosted:
		return proto.ChatPosted{Chat: chatOf(e.Chat)}
	case room.Signalled:
		return proto.Signalled{From: e.From, Link: e.Link, Data: e.Data}
	case room.MutedBy:
		return proto.Muted{Source: string(e.Source), By: e.By}
	}
	return nil
}

// list makes an empty list of none: the protocol has no null.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

func memberOf(m room.Member) proto.Member {
	return proto.Member{
		ID: m.ID, Name: m.Name, Role: m.Role.String(), Agent: string(m.Agent), Connected: m.Connected,
		State: proto.State{Mic: m.State.Mic, Camera: m.State.Camera, Screen: m.State.Screen, Hand: m.State.Hand},
		Tracks: each(m.Tracks, func(t room.Track) proto.Track {
			return proto.Track{Source: string(t.Source), Kind: t.Kind, Codec: t.Codec}
		}),
	}
}

func callOf(c room.Call) proto.Call {
	return proto.Call{
		ID: c.ID, From: c.From, To: c.To, Video: c.Video, State: string(c.State), Reason: string(c.Reason),
		At: c.At.UnixMilli(),
	}
}

func chatOf(m room.ChatMessage) proto.ChatMessage {
	c := proto.ChatMessage{ID: m.ID, From: m.From, Name: m.Name, Text: m.Text, To: m.To, At: m.At.UnixMilli()}
	if m.File != nil {
		c.File = &proto.File{ID: m.File.ID, Name: m.File.Name, Size: m.File.Size, MIME: m.File.MIME}
	}
	return c
}

func iceOf(list []ICEServer) []proto.ICEServer {
	return each(list, func(s ICEServer) proto.ICEServer {
		return proto.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential}
	})
}

func seatsOf(list []Seat) proto.Seats {
	return proto.Seats{Seats: each(list, func(s Seat) proto.SeatInfo {
		return proto.SeatInfo{
			Seat: s.Seat, Member: s.Member, Source: string(s.Source),
			Audio: string(s.Audio), Video: string(s.Video), Codec: s.Codec, RTP: s.RTP, Layer: layerOf(s.Layer), Why: string(s.Why),
		}
	})}
}

func layerOf(l session.Layer) *proto.Layer {
	if l.Of == 0 {
		return nil
	}
	return &proto.Layer{Index: l.Index, Of: l.Of, Spatial: l.Spatial, Temporal: l.Temporal, Width: l.Width, Height: l.Height}
}

// noticeOf writes a notice in the words of the protocol, nil for one it has no word for.
func noticeOf(n Notice) proto.Event {
	switch n := n.(type) {
	case session.Resume:
		return proto.ResumeToken{Token: n.Token}
	case session.SpeakerChanged:
		return proto.SpeakerChanged{Member: n.Member}
	case session.Link:
		return proto.Link{Estimate: n.Estimate, Lost: n.Lost, RTT: int(n.RTT.Milliseconds()), Limited: n.Limited}
	case session.Layers:
		return proto.Layers{Tracks: each(n, func(l session.LayersWanted) proto.LayersTrack {
			return proto.LayersTrack{
				Source: string(l.Source), Wanted: l.Wanted,
				Spatial: levelOf(l.Spatial), Temporal: levelOf(l.Temporal),
			}
		})}
	}
	return nil
}

// levelOf leaves out what stands for all.
func levelOf(l int) *int {
	if l == session.All {
		return nil
	}
	return &l
}

func welcomeOf(w Welcome, resumed string, n uint64, limits proto.Limits) proto.Welcome {
	s := w.Snapshot
	return proto.Welcome{
		V: proto.Version, You: memberOf(s.You),
		Room: proto.Room{
			ID: s.ID, Kind: s.Kind.String(), Locked: s.Locked, Topology: s.Mode.String(), Forced: s.Forced,
			Epoch: s.Epoch, Video: list(s.Video), Audio: list(s.Audio), Publish: proto.Publish{Video: s.Publish.Video},
		},
		Members: each(s.Members, memberOf), ICEServers: iceOf(w.ICEServers), May: list(s.May),
		Resume: w.Resume, N: n, Resumed: resumed, Calls: each(s.Calls, callOf), Chat: each(s.Chat, chatOf),
		Limits: limits,
	}
}
