package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"veche.example/internal/media"
)

// parser holds what is needed while lines are read.
type parser struct {
	offer    Offer
	session  Section // attributes before the first m= line: what sections inherit
	bundle   []string
	cur      *Section
	index    map[uint8]int     // of the current section's formats by payload type
	apt      map[uint8]uint8   // of the current section: RTX type → what it repeats
	rtx      map[uint8]bool    // payload types that are RTX
	seen     map[uint32]bool   // SSRCs of the current section
	fid      map[uint32]uint32 // RTX SSRC by SSRC
	feedback Feedback          // for "*"
	order    []uint32          // SSRCs as they were declared
	red      map[uint8]bool    // payload types that are RED with the clock of Opus
	layers   layers
	lines    int
}

// Parse reads an offer. Its errors are meant for the client's developer.
func Parse(text string) (*Offer, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%d bytes, at most %d are taken", len(text), MaxSize)
	}
	p := &parser{session: Section{Direction: SendRecv}}
	p.cur = &p.session
	for line := range strings.SplitSeq(text, "\n") {
		p.lines++
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.lines, err)
		}
	}
	p.finish()
	if err := p.check(); err != nil {
		return nil, err
	}
	return &p.offer, nil
}

var errForm = errors.New("not of the form x=value")

func (p *parser) line(line string) error {
	if len(line) < 2 || line[1] != '=' || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return errForm
	}
	value := line[2:]
	switch line[0] {
	case 'v':
		if value != "0" {
			return errors.New("not version 0 of SDP")
		}
	case 'm':
		return p.media(value)
	case 'a':
		key, val, _ := strings.Cut(value, ":")
		return p.attribute(key, val)
	}
	return nil
}

// media begins a section: "video 9 UDP/TLS/RTP/SAVPF 96 97".
func (p *parser) media(value string) error {
	p.finish()
	if len(p.offer.Sections) == MaxSections {
		return fmt.Errorf("more than %d sections", MaxSections)
	}
	f := strings.SplitN(value, " ", 4)
	if len(f) < 3 {
		return errors.New("m= line is cut short")
	}
	port, _, _ := strings.Cut(f[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("port %q", clip(f[1]))
	}
	s := &Section{MID: strconv.Itoa(len(p.offer.Sections)), Media: f[0], Proto: f[2], Rejected: n == 0,
		Direction: p.session.Direction, Mixed: p.session.Mixed, transport: p.session.transport}
	if len(f) == 4 {
		s.rawFmt = f[3]
	}
	if !token(s.Media) || !printable(s.Proto) || !printable(s.rawFmt) {
		return errors.New("m= line is malformed")
	}
	switch s.Media {
	case "audio":
		s.Kind = media.Audio
	case "video":
		s.Kind = media.Video
	}
	p.offer.Sections, p.cur = append(p.offer.Sections, s), s
	p.index, p.apt, p.rtx = make(map[uint8]int), make(map[uint8]uint8), make(map[uint8]bool)
	p.seen, p.fid, p.feedback, p.order = make(map[uint32]bool), make(map[uint32]uint32), 0, nil
	p.red, p.layers = make(map[uint8]bool), layers{}
	if s.Kind == 0 {
		return nil
	}
	for pt := range strings.FieldsSeq(s.rawFmt) {
		n, err := strconv.ParseUint(pt, 10, 7)
		if err != nil {
			return fmt.Errorf("payload type %q", clip(pt))
		}
		if _, twice := p.index[uint8(n)]; twice {
			continue
		}
		p.index[uint8(n)] = len(s.Formats)
		s.Formats = append(s.Formats, Format{Type: uint8(n), Codec: static[uint8(n)], Map: staticMap[uint8(n)]})
	}
	return nil
}

// Payload types that need no rtpmap (RFC 3551 §6).
var (
	static    = map[uint8]media.Codec{0: media.PCMU, 8: media.PCMA, 9: media.G722}
	staticMap = map[uint8]string{0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}
)

// attribute reads one a= line. Attributes that the server does not know are skipped.
func (p *parser) attribute(key, val string) error {
	s := p.cur
	switch key {
	case "inactive":
		s.Direction = Inactive
	case "sendonly":
		s.Direction = SendOnly
	case "recvonly":
		s.Direction = RecvOnly
	case "sendrecv":
		s.Direction = SendRecv
	case "rtcp-mux":
		s.Mux = true
	case "rtcp-rsize":
		s.RSize = true
	case "extmap-allow-mixed":
		s.Mixed = true
	case "bundle-only":
		s.Rejected = false // RFC 8843 §6: port 0 does not mean rejected here
	case "ice-lite":
		p.offer.Lite = true
	case "group":
		if f := strings.Fields(val); len(f) > 0 && f[0] == "BUNDLE" && !p.offer.Bundle {
			p.bundle, p.offer.Bundle = f[1:], true
		}
	case "mid":
		if !token(val) || len(val) > maxMID {
			return fmt.Errorf("mid %q", clip(val))
		}
		s.MID, s.Named = val, true
	case "ice-ufrag", "ice-pwd", "setup", "fingerprint":
		return s.transport.read(key, val)
	default:
		return p.format(key, val)
	}
	return nil
}

// read takes an attribute of the transport.
func (t *Transport) read(key, val string) error {
	switch key {
	case "ice-ufrag":
		if !iceChars(val, 4) {
			return fmt.Errorf("ice-ufrag %q", clip(val))
		}
		t.Ufrag = val
	case "ice-pwd":
		if !iceChars(val, 22) {
			return errors.New("ice-pwd is malformed")
		}
		t.Pwd = val
	case "setup":
		switch val {
		case "actpass", "active", "passive":
			t.Setup = val
		default:
			return fmt.Errorf("setup %q", clip(val))
		}
	case "fingerprint":
		hash, hex, ok := strings.Cut(strings.TrimSpace(val), " ")
		if !ok || len(hex) > 191 { // 64 bytes
			return fmt.Errorf("fingerprint %q", clip(val))
		}
		if len(t.Fingerprints) < maxList {
			// The slice may be shared with the session's.
			t.Fingerprints = append(slices.Clip(t.Fingerprints), Fingerprint{strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(hex))})
		}
	}
	return nil
}

// format reads the attributes that describe RTP.
func (p *parser) format(key, val string) error {
	s := p.cur
	if s.Kind == 0 {
		return nil
	}
	switch key {
	case "rtpmap":
		return p.rtpmap(val)
	case "fmtp":
		f, rest := p.find(val)
		if f == nil || len(rest) > maxFmtp {
			return nil
		}
		f.Fmtp = rest
		if pt, err := strconv.ParseUint(param(rest, "apt"), 10, 7); err == nil {
			p.apt[f.Type] = uint8(pt)
		}
	case "rtcp-fb":
		p.rtcpFb(val)
	case "extmap":
		id, rest, _ := strings.Cut(val, " ")
		id, _, _ = strings.Cut(id, "/")
		n, err := strconv.ParseUint(id, 10, 8)
		uri, _, _ := strings.Cut(rest, " ")
		if err != nil || n == 0 || n == 15 || uri == "" {
			return fmt.Errorf("extmap %q", clip(val))
		}
		if len(s.Exts) < maxList {
			s.Exts = append(s.Exts, Ext{uint8(n), uri})
		}
	case "ssrc":
		id, _, _ := strings.Cut(val, " ")
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return fmt.Errorf("ssrc %q", clip(val))
		}
		if !p.seen[uint32(n)] && len(p.order) < maxList {
			p.seen[uint32(n)], p.order = true, append(p.order, uint32(n))
		}
	case "ssrc-group":
		return p.group(val)
	case "rid":
		p.layers.rid(val)
	case "simulcast":
		p.layers.simulcast(val)
	}
	return nil
}

// group reads an ssrc-group (RFC 5576 §4.2).
func (p *parser) group(val string) error {
	f := strings.Fields(val)
	if len(f) == 0 {
		return nil
	}
	fid, sim := f[0] == "FID" && len(f) == 3, f[0] == "SIM"
	if !fid && !sim {
		return nil
	}
	var list []uint32
	for _, v := range f[1:] {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return fmt.Errorf("ssrc-group %q", clip(val))
		}
		if len(list) < MaxRIDs && !slices.Contains(list, uint32(n)) {
			list = append(list, uint32(n))
		}
	}
	switch {
	case sim && len(list) > 1:
		p.cur.Group = list
	case fid && len(list) == 2 && len(p.fid) < maxList:
		p.fid[list[0]] = list[1]
	}
	return nil
}

// find cuts the payload type off and gives its format, nil if the m= line does not list it.
func (p *parser) find(val string) (*Format, string) {
	pt, rest, _ := strings.Cut(val, " ")
	n, err := strconv.ParseUint(pt, 10, 7)
	if err != nil {
		return nil, ""
	}
	i, ok := p.index[uint8(n)]
	if !ok {
		return nil, ""
	}
	return &p.cur.Formats[i], strings.TrimSpace(rest)
}

func (p *parser) rtpmap(val string) error {
	f, rest := p.find(val)
	if f == nil {
		return nil
	}
	if !printable(rest) || len(rest) > 64 {
		return fmt.Errorf("rtpmap %q", clip(val))
	}
	name, rate, _ := strings.Cut(rest, "/")
	rate, channels, _ := strings.Cut(rate, "/")
	f.Map, f.Codec = rest, 0
	if strings.EqualFold(name, "rtx") {
		p.rtx[f.Type] = true
		return nil
	}
	if strings.EqualFold(name, "red") && rate == "48000" && channels == "2" {
		p.red[f.Type] = true
		return nil
	}
	c, ok := media.ParseCodec(name)
	if !ok || c.Kind() != p.cur.Kind || rate != strconv.Itoa(int(c.ClockRate())) || c == media.Opus && channels != "2" {
		return nil
	}
	f.Codec = c
	return nil
}

func (p *parser) rtcpFb(val string) {
	pt, kind, _ := strings.Cut(val, " ")
	var fb Feedback
	switch strings.TrimSpace(kind) {
	case "nack":
		fb = NACK
	case "nack pli":
		fb = PLI
	case "ccm fir":
		fb = FIR
	case "transport-cc":
		fb = TWCC
	}
	if pt == "*" {
		p.feedback |= fb
	} else if f, _ := p.find(pt); f != nil {
		f.offered |= fb
	}
}

// finish completes the section that has ended.
func (p *parser) finish() {
	s := p.cur
	if s == &p.session {
		return
	}
	for rtx, of := range p.apt {
		i, ok := p.index[of]
		if ok && p.rtx[rtx] && !p.rtx[of] && (!s.Formats[i].HasRTX || rtx < s.Formats[i].RTX) {
			s.Formats[i].RTX, s.Formats[i].HasRTX = rtx, true
		}
	}
	p.redundancy()
	s.Encodings = p.layers.sent()
	for i := range s.Formats {
		s.Formats[i].offered |= p.feedback
	}
	repeats := make(map[uint32]bool, len(p.fid))
	for a, b := range p.fid {
		if a != b {
			repeats[b] = true
		}
	}
	for _, ssrc := range p.order {
		if !repeats[ssrc] {
			s.Streams = append(s.Streams, Stream{ssrc, p.fid[ssrc]})
		}
	}
}

// redundancy ties RED types to the Opus that they repeat: "fmtp:63 111/111" (RFC 2198 §5). p.cur is complete.
func (p *parser) redundancy() {
	s := p.cur
	for i := range s.Formats {
		if !p.red[s.Formats[i].Type] {
			continue
		}
		first, rest, _ := strings.Cut(s.Formats[i].Fmtp, "/")
		n, err := strconv.ParseUint(first, 10, 7)
		of, ok := p.index[uint8(n)]
		if err != nil || !ok || s.Formats[of].Codec != media.Opus || s.Formats[of].HasRED {
			continue
		}
		if strings.Trim(rest, first+"/") != "" {
			continue // something else is in it
		}
		s.Formats[of].RED, s.Formats[of].HasRED, s.Formats[of].REDFirst = s.Formats[i].Type, true, i < of
	}
}

// check looks at the offer as a whole.
func (p *parser) check() error {
	o := &p.offer
	if len(o.Sections) == 0 {
		return errors.New("no media section")
	}
	mids := make(map[string]*Section, len(o.Sections))
	for _, s := range o.Sections {
		if mids[s.MID] != nil {
			return fmt.Errorf("two sections with mid %q", s.MID)
		}
		mids[s.MID] = s
	}
	var tagged *Section
	alive := 0
	for _, s := range o.Sections {
		if !s.Rejected {
			alive++
		}
	}
	for _, mid := range p.bundle {
		s := mids[mid]
		if s == nil || !s.Named {
			return fmt.Errorf("BUNDLE names %q, which is no section", clip(mid))
		}
		s.Bundled = true
		if tagged == nil && !s.Rejected && s.transport.Ufrag != "" {
			tagged = s // RFC 8843 §7.2.1: the others have its transport
		}
	}
	if !o.Bundle && alive == 1 {
		for _, s := range o.Sections {
			if !s.Rejected {
				s.Bundled, tagged = true, s
			}
		}
	}
	switch {
	case alive == 0:
		return errors.New("every section is rejected")
	case !o.Bundle && alive > 1:
		return errors.New("several sections without BUNDLE (RFC 8843)")
	case tagged == nil:
		return errors.New("no ice-ufrag")
	case o.Lite:
		return errors.New("both sides are ICE-lite")
	}
	o.Transport = tagged.transport
	switch {
	case o.Pwd == "" || o.Ufrag == "":
		return errors.New("no ICE credentials")
	case o.Setup == "":
		return errors.New("no DTLS role (a=setup)")
	case len(o.Fingerprints) == 0:
		return errors.New("no fingerprint")
	}
	return nil
}

// param gives a parameter of an fmtp value, "" if it is not there.
func param(fmtp, name string) string {
	for kv := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(kv, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// token: RFC 8866 §9, the characters of names.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]", r)
	})
}

// printable: no control characters and nothing but ASCII.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// iceChars: RFC 8839 §5.4.
func iceChars(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/' ||
			r == '-' || r == '_' || r == '=') // the last three are not allowed but seen
	})
}

// clip shortens what an error quotes.
func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
