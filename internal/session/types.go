package session

import (
	"net/netip"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/session/allot"
)

// Who is the session a resume token is for.
type Who struct {
	Room   room.ID
	Member room.MemberID
}

// JoinRequest is what somebody who wants in says, checked for form only.
type JoinRequest struct {
	Room           room.ID
	Kind           room.Kind // these four are for the one who creates the room
	Topology       room.Topology
	Audio, Video   []string
	Name           string
	Agent          room.Agent // "" = room.AgentWeb
	Token          string     // JWT, "" = none
	Resume         string     // resume token, "" = none
	Viewer         bool       // asks to be no more than a viewer
	Trusted        room.Role  // a member of the server's own, which needs no token: its role; 0 for everybody else
	State          room.State
	Decode, Encode room.Caps
	IP             netip.Addr // of the client, behind trusted proxies; for limits and logs
	Reach          Reach
	CID            string // connection id, for logs
}

// Reach is how a client reaches the HTTP server; it tells which ICE servers are of use to it.
type Reach struct {
	Host   string // with its port if there is one; "" = unknown
	Secure bool   // by TLS
	Direct bool   // without a proxy in between
}

// Welcome is what a session begins or goes on with.
type Welcome struct {
	Snapshot   room.Snapshot
	ICEServers []ICEServer
	Resume     string // a fresh resume token
	Restored   bool   // Join only: a session from before, by its resume token
}

// ICEServer is one RTCIceServer (W3C WebRTC §4.2.3) for the client.
type ICEServer struct {
	URLs                 []string
	Username, Credential string
}

// Offer is a client's description and what its sections are for.
type Offer struct {
	PC     int // generation of the client's peer connection
	SDP    string
	Tracks []Section  // sections it sends on
	Seats  []SeatPair // sections it receives on; index = seat number
}

// Section is one section that a client publishes a source on.
type Section struct {
	MID    string
	Source room.Source
}

// SeatPair is the mids of the two sections of one seat; "" = the seat has no such half.
type SeatPair struct{ Audio, Video string }

// Candidate is one trickled ICE candidate; an empty Line ends the candidates (of MID, if given).
type Candidate struct {
	PC       int
	Line     string // "candidate:…"
	MID      string // "" = not told
	Index    int    // of the section, -1 = not told
	Fragment string // ICE user name fragment, "" = not told
}

// What stands in Wish.Member for somebody without an id.
const (
	First   = "first"   // the room's first publisher
	Speaker = "speaker" // who speaks or was the last to, never the subscriber itself
	Loud    = "loud"    // sound of somebody loud whom no other seat of the subscriber shows
)

// Wish says what one seat shall show. Seats without a wish show nothing.
type Wish struct {
	Seat          int
	Member        room.MemberID // or First, Speaker, Loud
	Source        room.Source   // camera or screen; the audio goes with it
	Width, Height int           // of the tile in pixels
	Paused        bool
	Most          *Most // no more than this of the picture; nil = what fits the tile
}

// Most is the best of a source that a seat may show; less is shown when the way does not carry it.
type Most struct {
	Encoding          string // its rid; "" = any. One that the source does not have is no limit.
	Spatial, Temporal int    // highest levels of it, from 0; All = all
}

// Outlet takes what a session is told. The methods are called in order, one at a time, may be
// called while a method of the Session waits, and never block. False means that the client does not
// read: the session must end with room.ReasonSlow.
//
// After a room.Removed the outlet takes nothing more and says true.
type Outlet interface {
	Room(e room.Event) bool
	Seats(s []Seat) bool
	Media(pc int, s MediaState) bool
	// Notice tells something else: a Resume, Layers, SpeakerChanged or Link.
	Notice(n Notice) bool
}

// Notice is one of the lesser things that a session is told. The set is closed.
type Notice interface{ notice() }

// Resume replaces the resume token of the welcome: what it says of the member or the room has changed.
type Resume struct{ Token string }

// Layers says what anybody watches of the sources that the session publishes; those not named have not changed.
type Layers []LayersWanted

// LayersWanted is what is watched of one source.
type LayersWanted struct {
	Source            room.Source
	Wanted            []int // encodings, 0 is the smallest
	Spatial, Temporal int   // highest levels of any of them, from 0; All = all
}

// All in LayersWanted stands for all levels.
const All = -1

// SpeakerChanged says who speaks now.
type SpeakerChanged struct{ Member room.MemberID } // "" = nobody yet, or the speaker has left

// Link says how the way to the client is.
type Link struct {
	Estimate int     // bit/s
	Lost     float64 // percent
	RTT      time.Duration
	Limited  bool // seats show less because of it
}

func (Resume) notice()         {}
func (Layers) notice()         {}
func (SpeakerChanged) notice() {}
func (Link) notice()           {}

// Seat is what a seat shows now.
type Seat struct {
	Seat         int
	Member       room.MemberID // "" = nobody
	Source       room.Source
	Audio, Video SeatStatus
	Codec        string  // of the video, "" = unknown
	RTP          *uint32 // first RTP timestamp of a new video, nil = nothing new
	Layer        Layer
	Why          allot.Why // why not the best there is, "" = it is
}

// Layer is what is sent of a video that is live. The zero Layer is of any other.
type Layer struct {
	Index, Of         int // which encoding of how many; 0 is the smallest
	Spatial, Temporal int // highest levels, from 0
	Width, Height     int // of the picture, 0 = unknown
}

// SeatStatus says what a half of a seat gets.
type SeatStatus string

// The states of half a seat.
const (
	SeatLive        SeatStatus = "live"
	SeatWaiting     SeatStatus = "waiting" // for a key frame
	SeatNone        SeatStatus = "none"    // nothing is published
	SeatMuted       SeatStatus = "muted"
	SeatPaused      SeatStatus = "paused"
	SeatUndecodable SeatStatus = "undecodable" // the client cannot decode this codec
)

// MediaState is the server's side of a media connection.
type MediaState string

// The states of a media connection that a client is told.
const (
	MediaConnected MediaState = "connected"
	MediaFailed    MediaState = "failed"
	MediaClosed    MediaState = "closed"
)
