package proto

import "veche.example/internal/room"

// Frame limits in bytes.
const (
	MaxFrame = 64 << 10
	MaxLarge = 512 << 10 // offer and signal, which carry descriptions
)

// Direction says who sends a message.
type Direction uint8

// The directions.
const (
	FromClient Direction = iota + 1
	FromServer
)

// Spec is one row of the message table.
type Spec struct {
	Type      string
	Direction Direction
	Limit     int            // bytes of a frame
	Needs     []room.Message // of a client's: every row of the authorisation table it may need
	Numbered  bool           // of a server's: an event with n

	decode func(*object) Request
	zero   any // the message as a struct, for the tests
}

// Table lists every message of the protocol, in the order of the document. Two types have a row in
// each direction: signal and chat.
var Table = []Spec{
	request(Hello{}, decodeHello, MaxFrame, room.MsgHello),
	request(Leave{}, decodeLeave, MaxFrame, room.MsgLeave),
	request(Ping{}, decodePing, MaxFrame, room.MsgPing),
	request(SetState{}, decodeState, MaxFrame, room.MsgState),
	request(Offer{}, decodeOffer, MaxLarge, room.MsgOfferPublish, room.MsgOfferSubscribe),
	request(Candidate{}, decodeCandidate, MaxFrame, room.MsgCandidate),
	request(View{}, decodeView, MaxFrame, room.MsgView),
	request(Signal{}, decodeSignal, MaxLarge, room.MsgSignalMedia, room.MsgSignalFile),
	request(Ready{}, decodeReady, MaxFrame, room.MsgReady),
	request(Ring{}, decodeRing, MaxFrame, room.MsgRing),
	request(Accept{}, decodeAccept, MaxFrame, room.MsgAccept),
	request(Decline{}, decodeDecline, MaxFrame, room.MsgDecline),
	request(Cancel{}, decodeCancel, MaxFrame, room.MsgCancel),
	request(Hangup{}, decodeHangup, MaxFrame, room.MsgHangUp),
	request(Chat{}, decodeChat, MaxFrame, room.MsgChat),
	request(Mute{}, decodeMute, MaxFrame, room.MsgMute),
	request(Remove{}, decodeRemove, MaxFrame, room.MsgRemove),
	request(Lock{}, decodeLock, MaxFrame, room.MsgLock),
	request(SetRole{}, decodeRole, MaxFrame, room.MsgRole),
	request(End{}, decodeEnd, MaxFrame, room.MsgEnd),
	request(ICE{}, decodeICE, MaxFrame, room.MsgICE),

	reply(Welcome{}),
	reply(OK{}),
	reply(Error{}),
	reply(Pong{}),
	event(Joined{}),
	event(Left{}),
	event(Updated{}),
	event(RoomChanged{}),
	event(Topology{}),
	event(Settled{}),
	event(Seats{}),
	event(Signalled{}),
	event(CallChanged{}),
	event(ChatPosted{}),
	event(Muted{}),
	event(ResumeToken{}),
	event(Media{}),
	event(Layers{}),
	event(SpeakerChanged{}),
	event(Link{}),
	reply(Bye{}),
}

// byType finds a client's message.
var byType = func() map[string]*Spec {
	m := map[string]*Spec{}
	for i, s := range Table {
		if s.Direction == FromClient {
			m[s.Type] = &Table[i]
		}
	}
	return m
}()

func request(zero Request, decode func(*object) Request, limit int, needs ...room.Message) Spec {
	return Spec{Type: zero.Type(), Direction: FromClient, Limit: limit, Needs: needs, decode: decode, zero: zero}
}

func reply(zero Event) Spec {
	return Spec{Type: zero.Type(), Direction: FromServer, zero: zero}
}

func event(zero Event) Spec {
	return Spec{Type: zero.Type(), Direction: FromServer, Numbered: true, zero: zero}
}
