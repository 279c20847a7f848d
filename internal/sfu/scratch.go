package sfu

import (
	"encoding/binary"
	"sync"

	"github.com/pion/rtp"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

// packet is one packet on its way through a track: seq is its number on the track's line.
type packet struct {
	seq     int64
	arrival int64
	ts      uint32
	marker  bool
	late    bool // it came when later ones had been counted, see tally
	info    codec.Info
	payload []byte
	dd      []byte
	num     *numbers // nil while the track has no layers
}

// numbers are the places of a packet in the lines of all levels.
type numbers struct {
	seq counts
	pid [layersMax]uint16 // picture id by temporal layer
}

// count is the packet's number on the line of a level.
func (p *packet) count(level int) int64 {
	if p.num != nil {
		return p.num.seq[level]
	}
	return p.seq
}

// picture is the picture id on the line of a level.
func (p *packet) picture(level int) uint16 {
	if p.num != nil {
		return p.num.pid[level%layersMax]
	}
	return p.info.PID
}

// layer is the index of the level that begins to have the packet.
func (p *packet) layer() int { return Level{int8(p.info.Spatial), int8(p.info.Temporal)}.index() }

// osnSize is the original sequence number before a retransmitted payload (RFC 4588 §4).
const osnSize = 2

// scratch is where packets are rewritten: the shared payload is copied once per packet, and each slot
// only overwrites its own counters in the copy. It belongs to one goroutine.
type scratch struct {
	seq     int64 // of the packet in it, -1 = none
	out     any   // of the packet that is forwarded
	now     int64 // when it came
	h       rtp.Header
	body    []byte // in buf, or the packet's own if nothing in it changes from slot to slot
	rawDD   []byte // in ddBuf, nil if the packet has none
	payload []byte // what is sent of body
	dd      []byte // and of rawDD
	exts    [3]rtp.Extension
	number  [2]byte // transport-wide, for the Writer to fill in
	ddBuf   [codec.MaxDD]byte
	buf     [osnSize + media.MaxPayload + 1]byte

	// For retransmission: what the ring held.
	src   packet
	num   numbers
	srcDD [codec.MaxDD]byte
}

func newScratch() *scratch { return &scratch{seq: -1} }

// spares are the scratches of retransmissions, which run beside the packet path.
var spares = sync.Pool{New: func() any { return newScratch() }}

// load brings p in, unless it is there already.
func (x *scratch) load(p *packet) {
	if x.seq == p.seq {
		return
	}
	x.seq = p.seq
	x.body = p.payload
	if p.info.Rewritten() {
		x.body = x.buf[osnSize : osnSize+copy(x.buf[osnSize:], p.payload)]
	}
	x.rawDD = nil
	if p.dd != nil {
		x.rawDD = x.ddBuf[:copy(x.ddBuf[:], p.dd)]
	}
}

// fill makes x.h and the counters of x.payload what epoch e sends for p. It depends on nothing but e and
// p: a packet that is sent again under its own sequence number must not differ in one bit, since SRTP
// derives the nonce from that number, which it returns.
func (x *scratch) fill(e *epoch, p *packet) (out int64) {
	x.load(p)
	out = e.number(p)
	h := &x.h
	h.Version = 2
	h.Marker = p.marker || (e.talk && p.seq == e.first) // RFC 3551 §4.1: the first packet of a talkspurt
	h.PayloadType = e.pay.Type
	h.SequenceNumber = uint16(out)
	h.Timestamp = e.timestamp(p)
	h.SSRC = e.bound.SSRC
	x.payload, x.dd = x.body, x.rawDD
	if p.num != nil || e.index != top { // the first packets of a stream do not show that it has layers
		x.cut(e, p)
	}
	x.extend(e)
	switch {
	case !p.info.Rewritten() || len(x.payload) == 0:
	case p.info.RED != 0:
		x.red(e, p)
	default:
		p.info.Put(x.payload, (p.picture(int(e.index))+e.pidOff)&0x7fff, p.info.TL0+e.tl0Off)
	}
	if x.dd != nil {
		codec.PutFrameNumber(x.dd, codec.FrameNumber(p.dd)+e.ddOff)
	}
	return out
}

// cut is what the level makes of the packet: its layer may be the last one of the picture, or it does not belong and
// fills the hole that was left for it before it came.
func (x *scratch) cut(e *epoch, p *packet) {
	if !e.has(p) {
		x.h.Marker, x.payload, x.dd = false, x.body[:0], nil
	} else if p.info.Flags&codec.Last != 0 && p.info.Spatial == e.spatial && e.spatial != layersMax-1 {
		x.h.Marker = true
	}
}

// red keeps the redundant blocks where the section takes them, else the primary one only.
func (x *scratch) red(e *epoch, p *packet) {
	if e.bound.RED == 0 {
		x.payload = x.payload[p.info.RED:]
		return
	}
	x.h.PayloadType = e.bound.RED
	codec.PutRED(x.payload, e.pay.Type)
}

// extend sets the header extensions that the section negotiated.
func (x *scratch) extend(e *epoch) {
	h, b := &x.h, e.bound
	h.Extension, h.ExtensionProfile, h.Extensions = false, 0, x.exts[:0]
	dd := b.DDExt != 0 && x.dd != nil
	mid := b.MIDExt != 0 && len(b.mid) > 0
	transport := b.TransportExt != 0
	if !dd && !mid && !transport {
		return
	}
	h.Extension, h.ExtensionProfile = true, rtp.ExtensionProfileOneByte
	if b.MIDExt > 14 && mid || b.TransportExt > 14 || dd && (b.DDExt > 14 || len(x.dd) > 16) { // RFC 8285 §4.2
		h.ExtensionProfile = rtp.ExtensionProfileTwoByte
	}
	if transport {
		_ = h.SetExtension(b.TransportExt, x.number[:])
	}
	if mid {
		_ = h.SetExtension(b.MIDExt, b.mid) // sizes were checked by Bind
	}
	if dd {
		_ = h.SetExtension(b.DDExt, x.dd)
	}
}

// way is how the packet in x is sent now.
func (x *scratch) way(e *epoch, index, now int64) Way {
	w := Way{Index: index, Now: now}
	if e.bound.TransportExt != 0 {
		w.Number = x.number[:]
	}
	return w
}

// wrap turns the filled packet into an RTX packet (RFC 4588 §4) and returns its payload. The payload
// must be in x.buf; after it nothing else can be made of the packet.
func (x *scratch) wrap(e *epoch, seq uint16) []byte {
	binary.BigEndian.PutUint16(x.buf[:osnSize], x.h.SequenceNumber)
	x.h.SSRC, x.h.PayloadType, x.h.SequenceNumber = e.bound.RTXSSRC, e.pay.RTX, seq
	return x.buf[:osnSize+copy(x.buf[osnSize:], x.payload)]
}
