package proto

// OK answers a request that succeeded; which members it has depends on the request.
type OK struct {
	PC         *int         `json:"pc,omitempty"` // offer
	SDP        string       `json:"sdp,omitempty"`
	Call       *Call        `json:"call,omitempty"`       // ring
	Chat       *ChatMessage `json:"chat,omitempty"`       // chat
	ICEServers *[]ICEServer `json:"iceServers,omitempty"` // ice; perhaps empty, which is not the same as none
}

// Type implements Event.
func (OK) Type() string { return "ok" }

// Error answers a request that failed.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"` // for developers, English
}

// Type implements Event.
func (Error) Type() string { return "error" }

// Pong answers a ping.
type Pong struct{}

// Type implements Event.
func (Pong) Type() string { return "pong" }

// Bye says why the socket closes after it.
type Bye struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Type implements Event.
func (Bye) Type() string { return "bye" }
