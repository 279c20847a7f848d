package proto

// Welcome answers a hello: everything a client needs to begin or to go on.
type Welcome struct {
	V          int           `json:"v"`
	You        Member        `json:"you"`
	Room       Room          `json:"room"`
	Members    []Member      `json:"members"` // without you
	ICEServers []ICEServer   `json:"iceServers"`
	May        []string      `json:"may"` // message types this session may send
	Resume     string        `json:"resume"`
	N          uint64        `json:"n"` // the next event has this number plus one
	Resumed    string        `json:"resumed,omitempty"`
	Calls      []Call        `json:"calls"`
	Chat       []ChatMessage `json:"chat"`
	Limits     Limits        `json:"limits"`
}

// The values of Welcome.Resumed; "" = a new session.
const (
	Replayed = "replayed"
	Restored = "restored"
)

// Room is the room of a welcome.
type Room struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Locked   bool     `json:"locked"`
	Topology string   `json:"topology"`
	Forced   bool     `json:"forced"`
	Epoch    int      `json:"epoch"`
	Video    []string `json:"video"`
	Audio    []string `json:"audio"`
	Publish  Publish  `json:"publish"`
}

// Limits are what the client must keep to.
type Limits struct {
	Frame int `json:"frame"` // bytes
	SDP   int `json:"sdp"`   // bytes of an offer or signal
	Seats int `json:"seats"`
}

// Type implements Event.
func (Welcome) Type() string { return "welcome" }
