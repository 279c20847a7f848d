package rtc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"veche.example/internal/media"
	"veche.example/internal/rtc/sdp"
)

const (
	maxDeclared = 8   // SSRCs taken from one section's description
	maxSlots    = 128 // 64 seats
	maxPublish  = 32
)

// plan is a negotiation that was found possible, before anything is changed.
type plan struct {
	offer   *sdp.Offer
	answer  sdp.Answer
	first   bool // offer of the peer
	restart bool // of ICE
	steps   []step
	fresh   []*outbound // made by this offer
}

// step is what becomes of one section.
type step struct {
	section *sdp.AnswerSection
	publish bool
	out     *outbound // nil = the client does not receive on it
}

// Offer answers an offer of the client. A section that it publishes on gets a Track when its first packet comes; each one
// it receives on has a Slot when Offer returns, and keeps it for the life of the peer. Where the Receive list has an
// audio section followed by a video section, the two are in one stream, so that the client plays them in sync.
//
// New ICE credentials restart ICE: media goes on by the old path until the client has nominated a new one. The
// error is ErrClosed, or wraps ErrSDP; then nothing has changed.
func (p *Peer) Offer(ctx context.Context, o Offer) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	parsed, err := sdp.Parse(o.SDP)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSDP, err)
	}
	p.mu.Lock()
	ended, answer, err := p.neg.negotiate(parsed, o)
	p.mu.Unlock()
	for _, ev := range ended {
		ev.track.Close()
		p.events.put(ev)
	}
	return answer, err
}

// negotiation is what the exchanges so far have led to. It is guarded by Peer.mu, which all methods need.
type negotiation struct {
	p        *Peer
	id       uint64        // of the session
	version  uint64        // of the answers
	remote   sdp.Transport // of the last offer
	lines    []placed      // m-lines as they were last negotiated
	inbounds map[string]*inbound
	slots    map[string]*outbound
	order    []*outbound // as they were made; replaced, never changed
}

// placed is what an m-line holds.
type placed struct {
	mid  string
	kind media.Kind
	dead bool // was rejected: the line may be used again
}

func (n *negotiation) init(p *Peer) {
	n.p, n.id = p, rand.Uint64()>>2
	n.inbounds, n.slots = make(map[string]*inbound), make(map[string]*outbound)
}

// negotiate plans and commits.
func (n *negotiation) negotiate(parsed *sdp.Offer, o Offer) ([]event, string, error) {
	if n.p.closing || n.p.ended() {
		return nil, "", ErrClosed
	}
	pl, err := n.plan(parsed, o)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrSDP, err)
	}
	if err := n.transport(pl); err != nil {
		return nil, "", err
	}
	ended := n.commit(pl)
	return ended, pl.answer.String(), nil
}

// plan checks the offer against what was negotiated before and makes the answer.
func (n *negotiation) plan(offer *sdp.Offer, o Offer) (*plan, error) {
	pl := &plan{offer: offer, first: n.version == 0}
	if err := n.planTransport(pl); err != nil {
		return nil, err
	}
	if len(o.Publish) > maxPublish || len(o.Receive) > maxSlots {
		return nil, fmt.Errorf("more than %d sections to send on or %d to receive on", maxPublish, maxSlots)
	}
	if len(offer.Sections) < len(n.lines) {
		return nil, fmt.Errorf("%d sections, there were %d (RFC 9429 §5.2.2)", len(offer.Sections), len(n.lines))
	}
	for _, mid := range slices.Concat(o.Publish, o.Receive) {
		if s := offer.Section(mid); s == nil || s.Kind == 0 {
			return nil, fmt.Errorf("no audio or video section has mid %q", mid)
		}
	}
	outs, err := n.planSlots(pl, o.Receive)
	if err != nil {
		return nil, err
	}
	pl.answer.Sections = make([]sdp.AnswerSection, len(offer.Sections))
	for i, s := range offer.Sections {
		if i < len(n.lines) {
			if was := n.lines[i]; !was.dead && (was.mid != s.MID || was.kind != s.Kind) {
				return nil, fmt.Errorf("section %d was %q and is %q", i, was.mid, s.MID)
			}
		}
		st := step{section: &pl.answer.Sections[i], publish: slices.Contains(o.Publish, s.MID), out: outs[s.MID]}
		n.answerSection(s, &st)
		pl.steps = append(pl.steps, st)
	}
	if !slices.ContainsFunc(pl.answer.Sections, func(s sdp.AnswerSection) bool { return !s.Rejected }) {
		return nil, fmt.Errorf("no section with a codec of the room")
	}
	return pl, nil
}

// planTransport compares the transport with the one before.
func (n *negotiation) planTransport(pl *plan) error {
	t := pl.offer.Transport
	if !sdp.Reliable(t.Fingerprints) {
		return fmt.Errorf("no fingerprint by SHA-256 or better")
	}
	pl.answer.Setup = "passive"
	if pl.first {
		if t.Setup == "passive" {
			pl.answer.Setup = "active"
		}
		return nil
	}
	if !slices.Equal(t.Fingerprints, n.remote.Fingerprints) {
		return fmt.Errorf("the certificate has changed: a new connection is needed")
	}
	if n.p.dtls.client {
		pl.answer.Setup = "active"
	}
	if t.Setup != "actpass" && t.Setup == pl.answer.Setup {
		return fmt.Errorf("the DTLS role has changed: a new connection is needed")
	}
	newUfrag, newPwd := t.Ufrag != n.remote.Ufrag, t.Pwd != n.remote.Pwd
	if newUfrag != newPwd {
		return fmt.Errorf("half of the ICE credentials has changed (RFC 8839 §4.4.1.1.1)")
	}
	pl.restart = newUfrag
	return nil
}

// planSlots finds the slots of the sections that the client receives on, and makes those that are new.
func (n *negotiation) planSlots(pl *plan, receive []string) (map[string]*outbound, error) {
	outs := make(map[string]*outbound, len(receive)+len(n.slots))
	for mid, o := range n.slots {
		outs[mid] = o
	}
	stream := len(n.order)
	for i, mid := range receive {
		kind := pl.offer.Section(mid).Kind
		if o := outs[mid]; o != nil {
			if o.kind != kind {
				return nil, fmt.Errorf("section %q has changed its kind", mid)
			}
			continue
		}
		name := streamID(stream)
		stream++
		if i > 0 && kind == media.Video {
			if prev := outs[receive[i-1]]; prev.kind == media.Audio {
				name = prev.stream
			}
		}
		o := newOutbound(n.p, mid, kind, name)
		o.differ(outs)
		outs[mid] = o
		pl.fresh = append(pl.fresh, o)
	}
	if len(outs) > maxSlots {
		return nil, fmt.Errorf("more than %d sections to receive on", maxSlots)
	}
	return outs, nil
}

// answerSection makes the server's half of a section.
func (n *negotiation) answerSection(s *sdp.Section, st *step) {
	a := st.section
	a.Offer = s
	codecs := n.p.cfg.Audio
	if s.Kind == media.Video {
		codecs = n.p.cfg.Video
	}
	if s.Kind == 0 || s.Rejected || !s.Bundled || !s.Mux || !s.Known() {
		a.Rejected = true
		return
	}
	a.Formats = s.Accept(codecs, !st.publish && st.out != nil)
	if len(a.Formats) == 0 && !st.publish && st.out != nil {
		// The client decodes nothing that the room has. Rejected, the section would be stopped for good (RFC 9429 §5.11) and its
		// seat with it; so it stays open for what nobody here sends.
		a.Formats = s.Accept(media.Codecs(s.Kind), true)
	}
	if a.Rejected = len(a.Formats) == 0; a.Rejected {
		return
	}
	uris := []string{sdp.ExtMID, sdp.ExtDD, sdp.ExtTWCC}
	if st.publish && s.Direction.Sends() {
		a.Direction |= sdp.RecvOnly
		uris = append(uris, sdp.ExtLevel)
		if a.Encodings = s.Simulcast(a.Formats); len(a.Encodings) > 0 {
			uris = append(uris, sdp.ExtRID, sdp.ExtRRID)
		}
	}
	if st.out != nil && s.Direction.Receives() {
		a.Direction |= sdp.SendOnly
		a.StreamID, a.TrackID = st.out.stream, st.out.stream+"-"+s.Kind.String()
		a.Stream = sdp.Stream{SSRC: st.out.ssrc}
		if slices.ContainsFunc(a.Formats, func(f sdp.Format) bool { return f.HasRTX }) {
			a.Stream.RTX = st.out.rtx
		}
	}
	for _, uri := range uris {
		if id := s.Ext(uri); id != 0 && (uri != sdp.ExtDD || s.Kind == media.Video) {
			a.Exts = append(a.Exts, sdp.Ext{ID: id, URI: uri})
		}
	}
}

// transport makes new ICE credentials where they are needed.
func (n *negotiation) transport(pl *plan) error {
	if pl.first {
		n.p.dtls.configure(pl.offer.Transport)
	}
	n.p.ice.mu.Lock()
	cur := n.p.ice.current
	n.p.ice.mu.Unlock()
	if pl.first || pl.restart {
		number := 0
		if cur != nil {
			number = cur.number + 1
		}
		g := newGeneration(n.p, number, pl.offer.Transport)
		n.p.ice.mu.Lock()
		n.p.ice.current = g
		var old *generation
		if cur != nil {
			n.p.ice.former = append(n.p.ice.former, cur)
			if len(n.p.ice.former) > 2 { // the client restarts faster than it connects
				old, n.p.ice.former = n.p.ice.former[0], n.p.ice.former[1:]
			}
		}
		n.p.ice.mu.Unlock()
		if old != nil {
			old.close()
		}
		if err := g.start(); err != nil {
			n.p.end(Failed, "no ICE: "+err.Error())
			return ErrClosed
		}
		cur = g
	}
	if pl.first {
		n.p.began.Store(media.Now())
	}
	pl.answer.Ufrag, pl.answer.Pwd = cur.Ufrag, cur.Pwd
	pl.answer.Fingerprints = []sdp.Fingerprint{n.p.engine.fingerprint}
	pl.answer.Candidates = n.p.engine.candidates()
	pl.answer.Bundle = pl.offer.Bundle
	n.version++
	pl.answer.ID, pl.answer.Version = n.id, n.version
	return nil
}

// commit makes the plan real. It gives the tracks that ended.
func (n *negotiation) commit(pl *plan) []event {
	n.remote = pl.offer.Transport
	for _, o := range pl.fresh {
		n.slots[o.mid] = o
	}
	n.order = append(slices.Clip(n.order), pl.fresh...) // run reads the old one
	n.lines = n.lines[:0]
	rsize := true
	for _, st := range pl.steps {
		s := st.section
		n.lines = append(n.lines, placed{s.Offer.MID, s.Offer.Kind, s.Rejected})
		rsize = rsize && (s.Rejected || s.Offer.RSize)
	}
	n.p.tx.rsize.Store(rsize)
	ended := n.commitInbound(pl)
	n.p.rx.mu.Lock()
	for _, o := range pl.fresh {
		n.p.rx.slots[o.ssrc] = o
	}
	n.p.rx.mu.Unlock()
	for _, st := range pl.steps {
		if st.out != nil {
			st.out.bind(st.section)
		}
	}
	return ended
}

// commitInbound changes the sections that the client sends on.
func (n *negotiation) commitInbound(pl *plan) []event {
	var ended []event
	alive := make(map[string]bool)
	for _, st := range pl.steps {
		if st.section.Direction.Receives() {
			alive[st.section.Offer.MID] = true
		}
	}
	for mid, in := range n.inbounds {
		if !alive[mid] {
			delete(n.inbounds, mid)
			ended = append(ended, n.p.rx.detach(in)...)
		}
	}
	var declared []uint32
	r := &n.p.rx
	r.mu.Lock()
	for _, st := range pl.steps {
		s := st.section
		if !s.Direction.Receives() {
			continue
		}
		in := n.inbounds[s.Offer.MID]
		if in == nil {
			in = &inbound{p: n.p, mid: s.Offer.MID, kind: s.Offer.Kind}
			n.inbounds[in.mid], r.byMID[in.mid] = in, in
		}
		in.configure(s)
		ended = append(ended, r.encode(in, s.RIDs())...)
		declared = append(declared, r.declare(in, s)...)
		for _, e := range s.Exts {
			switch e.URI {
			case sdp.ExtMID:
				r.midExt = e.ID
			case sdp.ExtRID:
				r.ridExt = e.ID
			case sdp.ExtRRID:
				r.rridExt = e.ID
			case sdp.ExtTWCC:
				r.twcc.Ext = e.ID
			}
		}
	}
	r.indexTypes(n.inbounds)
	r.mu.Unlock()
	n.p.learn(declared...)
	return ended
}

// declare ties the SSRCs that a section declares to it, in the place of those it declared before. Which encoding an SSRC of
// simulcast is of is known from its first packet only, unless they are in a group. rx.mu is held.
func (r *receiver) declare(in *inbound, section *sdp.AnswerSection) []uint32 {
	for ssrc, s := range r.streams {
		if _, heard := r.ssrcs[ssrc]; s.enc.in == in && !heard {
			delete(r.streams, ssrc)
		}
	}
	in.repeats = make(map[uint32]uint32)
	var list []uint32
	streams := section.Offer.Streams
	for i := range streams[:min(len(streams), maxDeclared)] {
		s := &streams[i]
		e := in.encodings[0]
		if e.rid != "" {
			e = nil
			if i := slices.Index(section.Offer.Group, s.SSRC); len(section.Encodings) == 0 && i >= 0 {
				e = in.encodings[i]
			}
			if s.RTX != 0 {
				in.repeats[s.SSRC] = s.RTX
			}
		}
		for _, ssrc := range []uint32{s.SSRC, s.RTX} {
			if ssrc == 0 {
				continue
			}
			list = append(list, ssrc)
			if e != nil && (r.streams[ssrc] == nil || r.streams[ssrc].enc != e) {
				r.attach(e, ssrc)
			}
		}
	}
	return list
}

// indexTypes finds the payload types that only one section has. rx.mu is held.
func (r *receiver) indexTypes(list map[string]*inbound) {
	for pt := range r.byPT {
		r.byPT[pt] = nil
		n := 0
		for _, in := range list {
			if in.formats[pt].codec != 0 {
				r.byPT[pt] = in
				n++
			}
		}
		if n != 1 {
			r.byPT[pt] = nil
		}
	}
}

// learn teaches the UDP port SSRCs of the client.
func (p *Peer) learn(ssrcs ...uint32) {
	learn := p.engine.cfg.Learn
	if learn == nil || len(ssrcs) == 0 {
		return
	}
	p.ice.mu.Lock()
	g := p.ice.current
	p.ice.mu.Unlock()
	if g != nil {
		learn(g.Ufrag, ssrcs...)
	}
}

// Media is one audio or video section of a description.
type Media = sdp.Media

// Sections lists the audio and video sections of an offer that are not rejected, for adapters whose protocols say
// nothing but the description. The error wraps ErrSDP.
func Sections(text string) ([]Media, error) {
	o, err := sdp.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSDP, err)
	}
	return o.Media(), nil
}
