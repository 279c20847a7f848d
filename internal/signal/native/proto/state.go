package proto

import "veche.example/internal/room"

// SetState changes what the member says it sends; nil leaves a part as it is.
type SetState struct {
	Mic    *bool `json:"mic,omitempty"`
	Camera *bool `json:"camera,omitempty"`
	Screen *bool `json:"screen,omitempty"`
	Hand   *bool `json:"hand,omitempty"`
}

// Type implements Request.
func (SetState) Type() string { return "state" }

// Needs implements Request.
func (SetState) Needs() []room.Message { return []room.Message{room.MsgState} }

func decodeState(o *object) Request {
	var s SetState
	for _, f := range []struct {
		key string
		to  **bool
	}{{"mic", &s.Mic}, {"camera", &s.Camera}, {"screen", &s.Screen}, {"hand", &s.Hand}} {
		if o.has(f.key) {
			v := o.bool(f.key)
			*f.to = &v
		}
	}
	return s
}
