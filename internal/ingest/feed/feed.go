// Package feed turns the frames of a stream that came by RTMP, RTSP or SRT into the tracks of a publisher: it packetises
// them, keeps their clock, and has sound and picture converted where browsers cannot take them as they are.
//
//	adapter ─ Line.Write(Unit) ─┬────────────────────────▶ packets ─▶ sfu.Track
//	                            └ AAC, B-frames ─▶ ffmpeg ┘
package feed

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/sfu"
)

// Publisher is whose tracks they become: a local.Publisher.
type Publisher interface {
	Track(s room.Source, c sfu.TrackConfig) (*sfu.Track, error)
	End(s room.Source)
}

// Unit is what belongs to one point in time: the access unit of a picture, or one packet of sound.
type Unit struct {
	PTS, DTS time.Duration // on the stream's own line, any beginning
	// Data is NAL units without start codes (H.264, H.265), OBUs (AV1), else one element.
	Data [][]byte
}

const (
	// reportEvery is how often the tracks' clocks are told.
	reportEvery = int64(1e9)
	// jump: time that runs so differently from ours has begun anew.
	jump = 5 * time.Second
	// ntpEpoch is 1970 in the seconds of NTP (RFC 5905 §6).
	ntpEpoch = 2208988800
)

// ErrUnsupported: WebRTC has no such codec, and there is no way to convert it.
var ErrUnsupported = errors.New("feed: codec not supported")

// Feed is one stream. Its methods may be called from any goroutine, those of one Line from one at a time.
type Feed struct {
	to    Publisher
	log   *slog.Logger
	clock sfu.Clock
	now   func() int64

	mu     sync.Mutex // guards the following
	set    bool
	anchor time.Duration // add to a PTS: when it happened, on the line of media.Now
}

// New makes a feed without lines.
func New(to Publisher, log *slog.Logger) *Feed {
	return &Feed{to: to, log: log, now: media.Now}
}

// Line is the way of one source's units.
type Line struct {
	f      *Feed
	source room.Source
	codec  media.Codec
	pack   packetizer
	track  *sfu.Track

	ssrc   uint32
	seq    uint16
	offset uint32 // of the RTP timestamps
	due    int64  // of the next report

	// Stats of the stream, as it came.
	bytes, units uint64
}

// Open begins a source's track. Errors: ErrUnsupported, or the publisher's.
func (f *Feed) Open(s room.Source, c media.Codec) (*Line, error) {
	pack, err := newPacketizer(c)
	if err != nil {
		return nil, err
	}
	track, err := f.to.Track(s, sfu.TrackConfig{ID: string(s), Kind: c.Kind(), Codec: c, Clock: &f.clock})
	if err != nil {
		return nil, err
	}
	return &Line{f: f, source: s, codec: c, pack: pack, track: track, ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), offset: rand.Uint32()}, nil
}

// Codec is the codec of the track.
func (l *Line) Codec() media.Codec { return l.codec }

// Close ends the track.
func (l *Line) Close() { l.f.to.End(l.source) }

// Write sends one unit. An error is that of this unit only: it could not be packetised.
func (l *Line) Write(u Unit) error {
	now := l.f.now()
	at := l.f.place(u.PTS, now)
	payloads, err := l.pack.pack(u.Data)
	if err != nil {
		return fmt.Errorf("feed: %s: %w", l.codec, err)
	}
	ts := l.offset + uint32(ticks(u.PTS, l.codec.ClockRate()))
	if now >= l.due {
		l.due = now + reportEvery
		l.track.SenderReport(ntp(at), ts, now)
	}
	l.units++
	for i, payload := range payloads {
		l.bytes += uint64(len(payload))
		l.track.Write(&media.Packet{
			SSRC: l.ssrc, Timestamp: ts, Seq: l.seq, Level: -1, Payload: payload, Arrival: now,
			Marker: i == len(payloads)-1 && l.codec.Kind() == media.Video,
		})
		l.seq++
	}
	return nil
}

// place tells when something happened. All lines of a feed share one mapping, so that they stay in sync; it is made with
// the first unit, and again when the stream's time jumps.
func (f *Feed) place(pts time.Duration, now int64) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := time.Duration(now) - pts
	if d := is - f.anchor; !f.set || d > jump || d < -jump {
		f.set, f.anchor = true, is
	}
	return pts + f.anchor
}

// ticks converts a duration to units of a clock without overflow.
func ticks(d time.Duration, rate uint32) int64 {
	r := int64(rate)
	s := int64(d / time.Second)
	return s*r + int64(d%time.Second)*r/int64(time.Second)
}

// ntp is a point on the line of media.Now as an NTP timestamp (RFC 3550 §4).
func ntp(at time.Duration) uint64 {
	t := media.Wall(int64(at))
	s, ns := uint64(t.Unix()+ntpEpoch), uint64(t.Nanosecond())
	return s<<32 | ns<<32/1e9
}
