package sfu

import (
	"slices"
	"sync"
	"sync/atomic"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
	"veche.example/internal/sfu/seqmap"
)

// TrackConfig describes a publisher's track.
type TrackConfig struct {
	ID    string
	Kind  media.Kind
	Codec media.Codec
	RED   bool     // packets may carry RED (RFC 2198): media.Packet.RED says which
	Fmtp  string   // format parameters of the publisher's SDP, for information
	Up    Upstream // nil: key frames cannot be asked for
	Clock *Clock   // shared by the tracks of one publisher; nil: a clock of its own
}

// Track is one encoding of one publisher, received by one goroutine and shown by any number of slots.
type Track struct {
	cfg    TrackConfig
	line   *timeline
	layers layers
	key    keyAsker
	gop    gop
	meter  meter
	ring   *ring
	closed atomic.Bool
	slots  atomic.Pointer[[]*forward] // snapshot for the packet path, replaced under mu
	now    func() int64
	stats  trackCounters

	mu sync.Mutex // guards replacing slots; no other lock is taken while it is held

	// The following belongs to the goroutine that calls Write.
	seqs    *seqmap.Map
	lines   lines
	ssrc    uint32
	started bool
	high    int64  // highest number on the line
	gen     uint32 // grows with each new sequence of the publisher
	cur     packet
	x       *scratch
	held    []held // packets that wait for Release; what is beyond the length keeps its scratches
}

// forward is one slot's interest in one track. It is made by Slot.Show and never used again after
// the slot has turned away.
type forward struct {
	slot  *Slot
	track *Track
	level atomic.Int32 // the level wished for, by its index
	since atomic.Int64 // when it was wished for
}

// NewTrack makes a track without slots. A Kind that contradicts the Codec is corrected.
func NewTrack(cfg TrackConfig) *Track {
	cfg.Kind = cfg.Codec.Kind()
	if cfg.Clock == nil {
		cfg.Clock = new(Clock)
	}
	size := videoRing
	if cfg.Kind == media.Audio {
		size = audioRing
	}
	t := &Track{
		cfg:   cfg,
		line:  &timeline{clock: cfg.Clock, rate: max(cfg.Codec.ClockRate(), 1)},
		ring:  newRing(cfg.Kind),
		now:   media.Now,
		seqs:  seqmap.New(size),
		lines: lines{codec: cfg.Codec},
		x:     newScratch(),
	}
	if cfg.Kind == media.Video {
		t.key.up, t.gop.long = cfg.Up, cfg.Up == nil
	}
	t.slots.Store(new([]*forward))
	return t
}

// ID is the id given at creation.
func (t *Track) ID() string { return t.cfg.ID }

// Kind is the kind of the track's codec.
func (t *Track) Kind() media.Kind { return t.cfg.Kind }

// Codec is the codec given at creation.
func (t *Track) Codec() media.Codec { return t.cfg.Codec }

// Fmtp is the format parameters given at creation.
func (t *Track) Fmtp() string { return t.cfg.Fmtp }

// Write takes the next packet received. One goroutine calls it; p and its bytes are not kept. Packets are
// sent by every slot that shows the track before Write returns, those of a picture may wait for Release if they say so.
func (t *Track) Write(p *media.Packet) {
	if t.closed.Load() {
		t.stats.unclaimed.Add(1)
		return
	}
	seq, ok := t.number(p)
	if !ok {
		return
	}
	c := &t.cur
	*c = packet{seq: seq, arrival: p.Arrival, ts: p.Timestamp, marker: p.Marker, payload: p.Payload}
	if len(p.DD) >= codec.MinDD && len(p.DD) <= codec.MaxDD {
		c.dd = p.DD
	}
	if !t.parse(c, p) {
		return
	}
	if !t.lines.count(c, t.high) {
		t.stats.late.Add(1)
		return
	}
	t.meter.note(p.Level, p.Arrival)
	// The ring's copy has its picture id widened: that is what is forwarded.
	e := t.ring.put(c)
	if e != nil {
		c.info, c.payload, c.dd, c.num = e.p.info, e.p.payload, e.p.dd, e.p.num
	} else if t.stats.ringBusy.Add(1); c.info.PIDBits == 7 {
		return // the widened copy is missing: the slots see a loss
	}
	if t.cfg.Kind == media.Video {
		if t.gop.note(c, t.high) {
			t.stats.keyFrames.Add(1)
			t.describe(c)
			t.key.came()
		}
	}
	t.hand(c, p, e != nil)
	t.key.repeat(p.Arrival)
}

// number finds the packet's place on the line, or false if it is not to be forwarded.
func (t *Track) number(p *media.Packet) (int64, bool) {
	if p.SSRC != t.ssrc && !p.Retransmit { // a retransmission may still carry the SSRC of its own stream
		if t.started {
			t.seqs.Restart()
		}
		t.ssrc, t.started = p.SSRC, true
	}
	seq, v := t.seqs.Put(p.Seq, len(p.Payload) == 0, p.Retransmit)
	switch v {
	case seqmap.Closed:
		t.stats.padding.Add(1)
		return 0, false
	case seqmap.Duplicate:
		t.stats.duplicates.Add(1)
		return 0, false
	case seqmap.Late:
		t.stats.late.Add(1)
		return 0, false
	case seqmap.Filled:
		t.stats.recovered.Add(1)
		t.high = max(t.high, seq) // what came after it may have been closed up
	case seqmap.Reset:
		t.Release(p.Out) // they are of the sequence before
		t.stats.resets.Add(1)
		t.gen++
		t.gop.reset()
		t.layers.reset()
		t.lines.reset()
		t.high = seq
		if len(*t.slots.Load()) > 0 {
			t.key.ask(p.Arrival)
		}
	default:
		t.high = seq
	}
	if len(p.Payload)+len(p.DD) > media.MaxPayload {
		t.stats.oversize.Add(1)
		return 0, false
	}
	return seq, true
}

// parse reads the payload's descriptor. A padding packet that came too late to be closed up goes on without
// payload, so that the hole which slots left for it is filled.
func (t *Track) parse(c *packet, p *media.Packet) bool {
	if len(c.payload) == 0 {
		t.stats.padding.Add(1)
		return true
	}
	t.stats.packets.Add(1)
	t.stats.bytes.Add(uint64(len(c.payload)))
	var ok bool
	if p.RED {
		if c.info, ok = codec.ParseRED(c.payload); !ok || !t.cfg.RED {
			t.stats.malformed.Add(1)
			return false
		}
	} else if c.info, ok = codec.Parse(t.cfg.Codec, c.payload); !ok {
		t.stats.malformed.Add(1)
		return false
	}
	if c.dd != nil && t.cfg.Codec != media.VP9 { // which tells its layers itself; VP8 does not where it may say them here
		t.lines.dds.Read(&c.info, c.dd)
	}
	c.info.Spatial, c.info.Temporal = min(c.info.Spatial, layersMax-1), min(c.info.Temporal, layersMax-1)
	t.layers.note(&c.info, 0)
	t.layers.rate.note(c.layer(), len(c.payload), c.arrival)
	return true
}

// SenderReport notes the publisher's mapping of RTP to NTP time (RFC 3550 §6.4.1); arrival is on the line of
// media.Now. It is safe for concurrent use with everything.
func (t *Track) SenderReport(ntp uint64, rtp uint32, arrival int64) {
	if ntp == 0 { // the sender has no clock
		return
	}
	ns := ntpNanos(ntp)
	t.cfg.Clock.observe(ns, arrival)
	t.line.last.Store(&report{ntp: ns, rtp: rtp})
}

// RequestKeyFrame asks the publisher for a key frame, merged with the wishes of the slots.
func (t *Track) RequestKeyFrame() {
	if t.cfg.Kind == media.Video && !t.closed.Load() {
		t.key.ask(t.now())
	}
}

// Level is the smoothed audio level, 0 (loudest) to media.Silence; silence when nothing came for 500 ms.
func (t *Track) Level() int { return t.meter.level(t.now()) }

// Levelled says whether the publisher tells audio levels at all.
func (t *Track) Levelled() bool { return t.meter.at.Load() != 0 }

// Close empties the slots that show or await the track; after it returns none of them sends a packet of the
// track, nor answers retransmission requests for it. It must not be called by a Writer. Idempotent.
func (t *Track) Close() {
	t.mu.Lock()
	t.closed.Store(true)
	list := *t.slots.Swap(new([]*forward))
	t.mu.Unlock()
	t.ring.close()
	for _, f := range list {
		f.slot.forget(f)
	}
}

// attach adds a forward to the snapshot; false if the track is closed.
func (t *Track) attach(f *forward) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return false
	}
	list := *t.slots.Load()
	next := append(make([]*forward, 0, len(list)+1), list...)
	next = append(next, f)
	t.slots.Store(&next)
	return true
}

// detach removes a forward from the snapshot. It is called once per forward, also by the packet path of
// another track when that takes the slot over.
func (t *Track) detach(f *forward) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*t.slots.Load()), func(o *forward) bool { return o == f })
	t.slots.Store(&next)
}

// Stats is a snapshot of the counters.
func (t *Track) Stats() TrackStats {
	c := &t.stats
	return TrackStats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Recovered: c.recovered.Load(),
		Duplicates: c.duplicates.Load(), Padding: c.padding.Load(), Late: c.late.Load(),
		Oversize: c.oversize.Load(), Malformed: c.malformed.Load(), Unclaimed: c.unclaimed.Load(),
		Resets: c.resets.Load(), RingBusy: c.ringBusy.Load(), KeyFrames: c.keyFrames.Load(),
		KeyFrameRequests: t.key.sent.Load(), KeyFrameSuppressed: t.key.merged.Load(),
		Slots: len(*t.slots.Load()),
	}
}
