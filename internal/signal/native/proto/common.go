package proto

import "veche.example/internal/room"

// Member is a participant as told to the others.
type Member struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Role      string  `json:"role"`
	Agent     string  `json:"agent"`
	Connected bool    `json:"connected"`
	State     State   `json:"state"`
	Tracks    []Track `json:"tracks"`
}

// State is what a member sends, and its raised hand.
type State struct {
	Mic    bool `json:"mic"`
	Camera bool `json:"camera"`
	Screen bool `json:"screen"`
	Hand   bool `json:"hand"`
}

// Track is one source that a member publishes.
type Track struct {
	Source string `json:"source"`
	Kind   string `json:"kind"`
	Codec  string `json:"codec"`
}

// Caps are codec names a client can decode or encode, best first. Names this server does not know
// are kept: a newer client may have codecs of the future.
type Caps struct {
	Audio []string `json:"audio"`
	Video []string `json:"video"`
}

// Call is one call.
type Call struct {
	ID     string `json:"id"`
	From   string `json:"from"`
	To     string `json:"to"`
	Video  bool   `json:"video"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	At     int64  `json:"at"` // ms since 1970
}

// ChatMessage is one line of the chat.
type ChatMessage struct {
	ID   string `json:"id"`
	From string `json:"from"`
	Name string `json:"name"`
	Text string `json:"text"`
	To   string `json:"to,omitempty"`
	At   int64  `json:"at"` // ms since 1970
	File *File  `json:"file,omitempty"`
}

// File is the offer of a file.
type File struct {
	ID   string `json:"id,omitempty"` // a client may leave it to the server
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes
	MIME string `json:"mime"`
}

// ICEServer is one RTCIceServer.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Publish says which codec publishers should use.
type Publish struct {
	Video string `json:"video,omitempty"`
}

var (
	audioCodecs = []string{"opus", "g722", "pcmu", "pcma"}
	videoCodecs = []string{"vp8", "vp9", "av1", "h264", "h265"}
	sources     = []string{
		string(room.SourceMic), string(room.SourceCamera), string(room.SourceScreen), string(room.SourceScreenAudio),
	}
)
