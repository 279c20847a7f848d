package room

// Message is a client message (veche-v1 §3) or, at the end of the list, an inner command of the
// server. Offers and signals are two messages each because different roles may send them.
type Message uint8

// The messages.
const (
	MsgHello Message = iota
	MsgLeave
	MsgPing
	MsgState
	MsgOfferPublish   // an offer with tracks
	MsgOfferSubscribe // an offer with seats
	MsgCandidate
	MsgView
	MsgSignalMedia // links "m:" and "c:"
	MsgSignalFile  // links "f:": data only, for everybody since files are
	MsgReady
	MsgRing
	MsgAccept
	MsgDecline
	MsgCancel
	MsgHangUp
	MsgChat
	MsgMute
	MsgRemove
	MsgLock
	MsgRole
	MsgEnd
	MsgICE

	MsgAttach    // a socket is back
	MsgDetach    // a socket is gone
	MsgPublish   // tracks began
	MsgUnpublish // tracks ended
	MsgExpire    // a timer; never by a member

	// Messages is their number; new ones go above.
	Messages
)

// Phase is where a session is in its life.
type Phase uint8

// The phases.
const (
	PhaseOutside  Phase = iota // not (or no longer) a member
	PhaseJoined                // a member with a socket
	PhaseDetached              // a member without a socket, in its grace
	PhaseRemoved               // was removed by a moderator
)

// roles is a set of roles; bit 0 is the zero Role (nobody yet).
type roles uint8

const (
	none     roles = 0
	anybody  roles = 1<<0 | everyone
	everyone roles = 1<<Viewer | talkers
	talkers  roles = 1<<Speaker | chairs
	chairs   roles = 1 << Moderator
)

// row says who may send a message in each phase. What is not written is denied; nothing is
// ever allowed in PhaseRemoved.
type row struct {
	name     string // for logs and tests
	wire     string // message type of veche-v1, "" for inner commands
	outside  roles
	joined   roles
	detached roles
}

// table is THE authorisation table. Its size is that of the message list, and a test over every
// cell fails for a message without a row.
var table = [Messages]row{
	MsgHello:          {name: "hello", wire: "hello", outside: anybody},
	MsgLeave:          {name: "leave", wire: "leave", joined: everyone, detached: everyone},
	MsgPing:           {name: "ping", wire: "ping", joined: everyone},
	MsgState:          {name: "state", wire: "state", joined: everyone},
	MsgOfferPublish:   {name: "offer-publish", wire: "offer", joined: talkers},
	MsgOfferSubscribe: {name: "offer-subscribe", wire: "offer", joined: everyone},
	MsgCandidate:      {name: "candidate", wire: "candidate", joined: everyone},
	MsgView:           {name: "view", wire: "view", joined: everyone},
	MsgSignalMedia:    {name: "signal-media", wire: "signal", joined: talkers},
	MsgSignalFile:     {name: "signal-file", wire: "signal", joined: everyone},
	MsgReady:          {name: "ready", wire: "ready", joined: everyone},
	MsgRing:           {name: "ring", wire: "ring", joined: talkers},
	MsgAccept:         {name: "accept", wire: "accept", joined: talkers},
	MsgDecline:        {name: "decline", wire: "decline", joined: talkers},
	MsgCancel:         {name: "cancel", wire: "cancel", joined: talkers},
	MsgHangUp:         {name: "hangup", wire: "hangup", joined: talkers},
	MsgChat:           {name: "chat", wire: "chat", joined: everyone},
	MsgMute:           {name: "mute", wire: "mute", joined: chairs},
	MsgRemove:         {name: "remove", wire: "remove", joined: chairs},
	MsgLock:           {name: "lock", wire: "lock", joined: chairs},
	MsgRole:           {name: "role", wire: "role", joined: chairs},
	MsgEnd:            {name: "end", wire: "end", joined: chairs},
	MsgICE:            {name: "ice", wire: "ice", joined: everyone},
	MsgAttach:         {name: "attach", joined: everyone, detached: everyone},
	MsgDetach:         {name: "detach", joined: everyone, detached: everyone},
	// Media goes on without a socket, so tracks may begin and end then too.
	MsgPublish:   {name: "publish", joined: talkers, detached: talkers},
	MsgUnpublish: {name: "unpublish", joined: everyone, detached: everyone},
	MsgExpire:    {name: "expire", outside: none},
}

// String returns the message's name, finer than the wire's ("offer-publish").
func (m Message) String() string {
	if m >= Messages {
		return ""
	}
	return table[m].name
}

// Wire returns the message type of veche-v1 §3, "" for inner commands.
func (m Message) Wire() string {
	if m >= Messages {
		return ""
	}
	return table[m].wire
}

// Allowed says whether a session with this role may send m in this phase. Everything unknown is
// denied. What only some kinds of room have is Kind.Has's matter.
func Allowed(role Role, phase Phase, m Message) bool {
	if m >= Messages || role > Moderator {
		return false
	}
	var who roles
	switch phase {
	case PhaseOutside:
		who = table[m].outside
	case PhaseJoined:
		who = table[m].joined
	case PhaseDetached:
		who = table[m].detached
	}
	return who&(1<<role) != 0
}

// May lists the message types (veche-v1 §3) that a joined member of this role may send, each
// once, in the order of the table. An offer or signal may still be refused for what it carries.
func May(role Role) []string { return may(role, nil) }

func may(role Role, in func(Message) bool) []string {
	var out []string
	for m := range Messages {
		w := m.Wire()
		if w == "" || !Allowed(role, PhaseJoined, m) || in != nil && !in(m) {
			continue
		}
		if len(out) == 0 || out[len(out)-1] != w { // rows of one type are neighbours
			out = append(out, w)
		}
	}
	return out
}

// Has says whether rooms of this kind know m at all: a lobby has no media of its own, a broadcast
// has neither calls nor media between its members.
func (k Kind) Has(m Message) bool {
	switch m {
	case MsgOfferPublish, MsgOfferSubscribe, MsgCandidate, MsgView, MsgPublish:
		return k != Lobby
	case MsgRing, MsgAccept, MsgDecline, MsgCancel, MsgHangUp, MsgSignalMedia:
		return k != Broadcast
	default:
		return m < Messages
	}
}
