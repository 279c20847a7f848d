package room

import "time"

// Kind is what a room is for.
type Kind uint8

// The kinds of room.
const (
	Meeting   Kind = iota // everybody speaks; P2P for two, else the SFU
	Broadcast             // few speak, many watch; always the SFU
	Lobby                 // people who may ring each other; no media of the room itself
)

var kindNames = [...]string{Meeting: "meeting", Broadcast: "broadcast", Lobby: "lobby"}

// String returns the name on the wire.
func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// ParseKind is the inverse of String; false for any other text.
func ParseKind(s string) (Kind, bool) {
	i, ok := indexOf(kindNames[:], s)
	return Kind(i), ok
}

// Mode is who carries the media of a meeting at this moment.
type Mode uint8

// The modes.
const (
	P2P Mode = iota // browsers directly
	SFU             // the server
)

var modeNames = [...]string{P2P: "p2p", SFU: "sfu"}

// String returns the name on the wire.
func (m Mode) String() string { return nameOf(modeNames[:], int(m)) }

// Topology is the wish of whoever creates a meeting; lobbies and broadcasts have no choice.
type Topology uint8

// The topologies.
const (
	Auto Topology = iota
	ForceP2P
	ForceSFU
)

var topologyNames = [...]string{Auto: "auto", ForceP2P: "p2p", ForceSFU: "sfu"}

// String returns the name on the wire.
func (t Topology) String() string { return nameOf(topologyNames[:], int(t)) }

// ParseTopology is the inverse of String; false for any other text.
func ParseTopology(s string) (Topology, bool) {
	i, ok := indexOf(topologyNames[:], s)
	return Topology(i), ok
}

// Defaults of Options and limits of a room.
const (
	DefaultMaxMembers    = 500
	DefaultRingTimeout   = 45 * time.Second
	DefaultGrace         = 30 * time.Second
	DefaultReloadGrace   = 5 * time.Second
	DefaultSettleTimeout = 5 * time.Second

	MaxName    = 64   // code points of a member's name
	MaxText    = 4000 // code points of a chat message
	MaxLink    = 64   // bytes of a link name
	MaxHistory = 100  // chat messages remembered
	MaxFiles   = 32   // file offers a member can have open; the oldest is dropped
	maxFormer  = 1024 // departed members remembered for their resume tokens
)

// Options are fixed when a room is created. The zero value is a closed automatic meeting.
type Options struct {
	Kind          Kind
	Topology      Topology
	Video, Audio  []string // allowed codecs in order of preference; unknown names are dropped, empty = default
	MaxMembers    int      // 0 = DefaultMaxMembers
	RingTimeout   time.Duration
	Grace         time.Duration // how long a member without a socket stays
	ReloadGrace   time.Duration // the same after a page was closed or reloaded
	SettleTimeout time.Duration // how long a topology change waits for the slowest
	Open          bool          // joining needs no grant
	Locked        bool          // initial lock: a room built again after a restart
	NewID         func() string // ids of calls, chat messages and files; nil = a counter, for tests
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxMembers, DefaultMaxMembers)
	setDefault(&o.RingTimeout, DefaultRingTimeout)
	setDefault(&o.Grace, DefaultGrace)
	setDefault(&o.ReloadGrace, DefaultReloadGrace)
	setDefault(&o.SettleTimeout, DefaultSettleTimeout)
	if o.Kind > Lobby {
		o.Kind = Meeting
	}
	if o.Topology > ForceSFU || o.Kind != Meeting {
		o.Topology = Auto
	}
	o.Video = codecList(o.Video, videoCodecs)
	if len(o.Video) == 0 {
		o.Video = []string{"vp8", "vp9", "h264", "av1", "h265"}
	}
	o.Audio = codecList(o.Audio, audioCodecs)
	if len(o.Audio) == 0 {
		o.Audio = []string{"opus", "g722", "pcmu", "pcma"}
	}
	return o
}

// setDefault also repairs negative numbers: limits of zero or less would lock everybody out.
func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
