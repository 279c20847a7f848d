package sfu

import (
	"github.com/pion/rtcp"

	"veche.example/internal/media"
)

// TrackConfig describes a publisher's track.
type TrackConfig struct {
	ID    string
	Kind  media.Kind
	Codec media.Codec
	Fmtp  string
	Up    Upstream // nil: key frames cannot be asked for
	Clock *Clock   // shared by the tracks of one publisher; nil: a clock of its own
}

// Clock maps a publisher's NTP time to the server's time line; one per publisher.
type Clock struct{}

// Track is one encoding of one publisher.
type Track struct{}

// NewTrack makes a track without slots.
func NewTrack(TrackConfig) *Track { return &Track{} }

// ID is the id given at creation.
func (t *Track) ID() string { return "" }

// Kind is the kind of the codec.
func (t *Track) Kind() media.Kind { return 0 }

// Codec is the codec given at creation.
func (t *Track) Codec() media.Codec { return 0 }

// Fmtp is the format parameters given at creation.
func (t *Track) Fmtp() string { return "" }

// Write takes the next received packet; called by one goroutine.
func (t *Track) Write(*media.Packet) {}

// SenderReport notes the publisher's mapping of RTP to NTP time.
func (t *Track) SenderReport(ntp uint64, rtp uint32, arrival int64) {}

// RequestKeyFrame asks the publisher for a key frame, merged and limited.
func (t *Track) RequestKeyFrame() {}

// Level is the smoothed audio level, 0 (loudest) to 127 (silence).
func (t *Track) Level() int { return 127 }

// Close empties all slots that show the track.
func (t *Track) Close() {}

// Stats is a snapshot of the counters.
func (t *Track) Stats() TrackStats { return TrackStats{} }

// Slot is one RTP section towards a subscriber.
type Slot struct{}

// NewSlot makes an empty slot that sends by w.
func NewSlot(kind media.Kind, w Writer) *Slot { return &Slot{} }

// Kind is the kind given at creation.
func (s *Slot) Kind() media.Kind { return 0 }

// Bind sets the result of a negotiation.
func (s *Slot) Bind(Binding) {}

// Show switches the slot to t, nil for nothing.
func (s *Slot) Show(*Track) error { return nil }

// Pause stops (true) or resumes a video slot.
func (s *Slot) Pause(bool) {}

// OnSwitch sets the function that is told of finished switches.
func (s *Slot) OnSwitch(func(t *Track, firstRTP uint32)) {}

// HandleRTCP takes the subscriber's feedback for this section.
func (s *Slot) HandleRTCP([]rtcp.Packet) {}

// SenderReport makes the sender report for now (media.Now); false if there is nothing to report.
func (s *Slot) SenderReport(now int64) (*rtcp.SenderReport, bool) { return nil, false }

// Tick repeats key-frame requests that are due; call every 100 to 200 ms.
func (s *Slot) Tick(now int64) {}

// Status says what the slot does now.
func (s *Slot) Status() Status { return Empty }

// Stats is a snapshot of the counters.
func (s *Slot) Stats() SlotStats { return SlotStats{} }

// Close empties the slot for good.
func (s *Slot) Close() {}
