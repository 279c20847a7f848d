package proto

// Layers tells a publisher which of its encodings anybody watches; sources not named have not changed.
type Layers struct {
	Tracks []LayersTrack `json:"tracks"`
}

// LayersTrack is what is wanted of one source.
type LayersTrack struct {
	Source   string `json:"source"`
	Wanted   []int  `json:"wanted"`             // encodings, 0 is the smallest; empty = nobody watches
	Spatial  *int   `json:"spatial,omitempty"`  // highest level wanted, nil = all
	Temporal *int   `json:"temporal,omitempty"` // likewise
}

// Type implements Event.
func (Layers) Type() string { return "layers" }

// SpeakerChanged tells who speaks now.
type SpeakerChanged struct {
	Member string `json:"member,omitempty"` // "" = nobody has spoken yet, or the speaker has left
}

// Type implements Event.
func (SpeakerChanged) Type() string { return "speaker" }

// Link tells how the way to the client is.
type Link struct {
	Estimate int     `json:"estimate"` // bit/s
	Lost     float64 `json:"lost"`     // percent
	RTT      int     `json:"rtt"`      // ms
	Limited  bool    `json:"limited"`  // seats show less because of it
}

// Type implements Event.
func (Link) Type() string { return "link" }
