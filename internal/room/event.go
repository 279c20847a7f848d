package room

// Event is something a member is told. The set is closed. Events are values whose slices and
// pointers nobody changes after Apply returned: any goroutine may read them.
type Event interface{ event() }

// Joined tells the others of a new member.
type Joined struct{ Member Member }

// Left tells the others that a member is no longer here.
type Left struct {
	Member MemberID
	Reason Reason
}

// Updated carries a whole member after a change. The subject itself is told only of what others
// changed (its role, a mute), never of its own state: an echo could overtake a newer wish.
type Updated struct{ Member Member }

// RoomChanged carries what can change of the room itself, whole.
type RoomChanged struct {
	Locked       bool
	Video, Audio []string
	Publish      Advice
}

// Advice names the codecs that publishers should use.
type Advice struct{ Video string } // "" = no advice (a lobby)

// TopologyChanged starts a make-before-break change of path.
type TopologyChanged struct {
	Mode  Mode
	Epoch int
}

// Settled ends it: the old path may be closed.
type Settled struct{ Epoch int }

// CallChanged tells a side of a call its new state. Ringing is told to the callee (the caller has
// the reply), active and ended to both.
type CallChanged struct{ Call Call }

// ChatPosted carries a chat message to everybody it is for, except its sender (who has the reply).
type ChatPosted struct{ Chat ChatMessage }

// Signalled carries an opaque payload from one member to another.
type Signalled struct {
	From MemberID // stamped by the room
	Link string
	Data []byte
}

// MutedBy tells a member to stop sending a source. Its State is off already; the server stops
// forwarding on it.
type MutedBy struct {
	Source Source
	By     MemberID
}

// Removed is the last event of a member, always: after it the member is not in the room.
type Removed struct {
	Code Code
	By   MemberID // the moderator, for CodeRemoved and CodeEnded
}

func (Joined) event()          {}
func (Left) event()            {}
func (Updated) event()         {}
func (RoomChanged) event()     {}
func (TopologyChanged) event() {}
func (Settled) event()         {}
func (CallChanged) event()     {}
func (ChatPosted) event()      {}
func (Signalled) event()       {}
func (MutedBy) event()         {}
func (Removed) event()         {}

// Reason says why a member is no longer here.
type Reason string

// The reasons of Left and Leave.
const (
	ReasonLeft    Reason = "left"
	ReasonGone    Reason = "gone"
	ReasonRemoved Reason = "removed"
	ReasonSlow    Reason = "slow"
	ReasonEnded   Reason = "ended"
)
