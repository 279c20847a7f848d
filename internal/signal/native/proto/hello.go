package proto

import (
	"math"
	"slices"

	"veche.example/internal/room"
)

// Hello is the first frame of a socket: it begins a session or resumes one.
type Hello struct {
	V        []int    `json:"v"`
	Room     string   `json:"room"`
	Kind     string   `json:"kind,omitempty"`
	Name     string   `json:"name"`
	Token    string   `json:"token,omitempty"`
	Role     string   `json:"role,omitempty"`  // "viewer": asks to be no more
	Agent    string   `json:"agent,omitempty"` // "bot": no browser, media through the server only
	Topology string   `json:"topology,omitempty"`
	Video    []string `json:"video,omitempty"` // codecs the room shall be restricted to, in order
	Audio    []string `json:"audio,omitempty"`
	Decode   Caps     `json:"decode"`
	Encode   Caps     `json:"encode"`
	State    State    `json:"state"`
	Resume   *Resume  `json:"resume,omitempty"`
}

// Resume names the session to go on with and the last event the client has seen of it.
type Resume struct {
	Token string `json:"token"`
	N     uint64 `json:"n"`
}

// Limits of a hello.
const (
	maxRoom   = 64      // code points
	maxToken  = 4 << 10 // bytes
	maxCodecs = 32      // names in a list
)

// Type implements Request.
func (Hello) Type() string { return "hello" }

// Needs implements Request.
func (Hello) Needs() []room.Message { return []room.Message{room.MsgHello} }

func decodeHello(o *object) Request {
	h := Hello{
		V:    versions(o),
		Room: o.text("room", 1, maxRoom), Name: o.text("name", 0, room.MaxName),
		Decode: caps(o.object("decode")), Encode: caps(o.object("encode")),
		State: state(o.object("state")),
	}
	for _, c := range h.Room {
		if c < ' ' || c == 0x7f {
			o.bad("room", "a control character")
		}
	}
	if o.has("kind") {
		h.Kind = o.enum("kind", room.Meeting.String(), room.Broadcast.String(), room.Lobby.String())
	}
	if o.has("token") {
		h.Token = o.short("token", 1, maxToken)
	}
	if o.has("role") {
		h.Role = o.enum("role", room.Viewer.String())
	}
	if o.has("agent") {
		h.Agent = o.enum("agent", string(room.AgentBot))
	}
	if o.has("topology") {
		h.Topology = o.enum("topology", room.Auto.String(), room.ForceP2P.String(), room.ForceSFU.String())
	}
	if o.has("video") {
		h.Video = o.words("video", maxCodecs, videoCodecs...)
	}
	if o.has("audio") {
		h.Audio = o.words("audio", maxCodecs, audioCodecs...)
	}
	if o.has("resume") {
		r := o.object("resume")
		h.Resume = &Resume{Token: r.short("token", 1, maxToken), N: uint64(r.int("n", 0, maxSafe))}
	}
	return h
}

// versions reads v. No common version is a fault of its own, told before any other: the rest of the
// frame is of a version that is not ours to judge.
func versions(o *object) []int {
	out := []int{}
	for _, raw := range o.list("v", 32) {
		item := object{keys: []string{"v"}, values: [][]byte{raw}, path: o.path, err: o.err}
		out = append(out, int(item.int("v", 0, math.MaxInt32)))
	}
	if *o.err == nil && !slices.Contains(out, Version) {
		*o.err = fail(CodeVersion, "v: this server speaks version 1")
	}
	return out
}

func caps(o *object) Caps {
	return Caps{Audio: o.words("audio", maxCodecs), Video: o.words("video", maxCodecs)}
}

func state(o *object) State {
	return State{Mic: o.bool("mic"), Camera: o.bool("camera"), Screen: o.bool("screen"), Hand: o.bool("hand")}
}
