package room

import "slices"

// ID names a room. It is chosen by people, therefore data and not a secret.
type ID = string

// MemberID names one member of a room; issued by the caller of Join, 128 random bits on the wire.
// The same person joining twice is two members.
type MemberID = string

// Role says what a member may do. The zero Role may do nothing.
type Role uint8

// The roles, from the least to the most powerful.
const (
	Viewer    Role = iota + 1 // receives media and chats
	Speaker                   // also publishes, signals and rings
	Moderator                 // also mutes, removes, locks, gives roles and ends
)

var roleNames = [...]string{Viewer: "viewer", Speaker: "speaker", Moderator: "moderator"}

// String returns the name on the wire, "" for the zero Role and unknown ones.
func (r Role) String() string { return nameOf(roleNames[:], int(r)) }

// ParseRole is the inverse of String; false for any other text.
func ParseRole(s string) (Role, bool) {
	i, ok := indexOf(roleNames[:], s)
	return Role(i), ok
}

// Agent says what kind of client a member is.
type Agent string

// The agents.
const (
	AgentWeb  Agent = "web"  // a browser or another client that can do P2P
	AgentWHIP Agent = "whip" // publishes only (RFC 9725)
	AgentWHEP Agent = "whep" // plays only
	AgentBot  Agent = "bot"  // speaks the native protocol, media through the SFU only

	AgentStream Agent = "stream" // publishes only: what comes by RTMP, RTSP or SRT
	AgentOutput Agent = "output" // takes only: what goes out as HLS, DASH, RTMP
)

func (a Agent) valid() bool {
	return a == AgentWeb || a == AgentBot || a.streams()
}

// streams tells whether it has media through the server and nothing to say.
func (a Agent) streams() bool {
	return a == AgentWHIP || a == AgentWHEP || a == AgentStream || a == AgentOutput
}

// Publishes tells whether it can do nothing but publish: it has no words for what is on, so all of it is.
func (a Agent) Publishes() bool { return a == AgentWHIP || a == AgentStream }

// ceiling is the highest role an agent can have: the others' messages do not exist for it.
func (a Agent) ceiling() Role {
	switch a {
	case AgentWHEP, AgentOutput:
		return Viewer
	case AgentWHIP, AgentStream:
		return Speaker
	default:
		return Moderator
	}
}

// Source is one of the things a member can send.
type Source string

// The sources.
const (
	SourceMic         Source = "mic"
	SourceCamera      Source = "camera"
	SourceScreen      Source = "screen"
	SourceScreenAudio Source = "screen-audio"
)

// Kind returns "audio" or "video", "" for an unknown source.
func (s Source) Kind() string {
	switch s {
	case SourceMic, SourceScreenAudio:
		return "audio"
	case SourceCamera, SourceScreen:
		return "video"
	default:
		return ""
	}
}

// State is what a member says it sends now, and the raised hand.
type State struct{ Mic, Camera, Screen, Hand bool }

// Track is one published source as the others see it.
type Track struct {
	Source Source
	Kind   string // "audio" or "video"
	Codec  string // "" while unknown
}

// Caps lists codec names a client can decode or encode. An empty list means "not told".
type Caps struct{ Audio, Video []string }

func (c Caps) clone() Caps {
	return Caps{Audio: slices.Clone(c.Audio), Video: slices.Clone(c.Video)}
}

// Member is one participant as told to the others. Values in events and snapshots are deep
// copies shared by their readers: read only.
type Member struct {
	ID             MemberID
	Name           string // data, at most 64 code points, never an identity
	Role           Role
	Agent          Agent
	Connected      bool // false while its socket is away and its grace runs
	State          State
	Tracks         []Track
	Decode, Encode Caps
}

func (m *Member) clone() Member {
	c := *m
	c.Tracks = slices.Clone(m.Tracks)
	c.Decode, c.Encode = m.Decode.clone(), m.Encode.clone()
	return c
}

// member is the room's own record.
type member struct {
	Member
	call  *Call  // the one call that is not ended, nil if none
	ready bool   // said Ready in the current epoch
	files []file // offers that may still be fetched, oldest first
}

// file is an offer made in the chat: who may open a file link about it.
type file struct {
	id string
	to MemberID // "" = everybody
}

// nameOf and indexOf read the name tables of the small enumerations.
func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return ""
	}
	return names[i]
}

func indexOf(names []string, s string) (int, bool) {
	if s == "" {
		return 0, false
	}
	i := slices.Index(names, s)
	return max(i, 0), i >= 0
}
