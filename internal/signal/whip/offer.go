package whip

import (
	"fmt"
	"slices"
	"strings"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// Limits of a description.
const (
	maxSections = 64
	maxMID      = 32 // bytes, as in veche-v1 §3
)

// description is what we need to know of an offer (RFC 8866).
type description struct {
	sections   []section
	ufrag, pwd string // ICE credentials (RFC 8839 §5.4); one pair, since everything is bundled
}

// section is one media description.
type section struct {
	kind, mid  string
	send, recv bool // what the offerer wants to do
	codecs     []string
}

// scan reads an offer. It judges form only: bad-message for what is not SDP, session.CodeSDP for SDP that
// cannot be a session of ours.
func scan(sdp string) (description, error) {
	s := scanner{direction: "sendrecv"}
	number := 0
	for line := range strings.Lines(sdp) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' || number == 1 && line != "v=0" {
			return description{}, bad("sdp: line %d is not that of a session description", number)
		}
		if err := s.line(line[0], line[2:]); err != nil {
			return description{}, err
		}
	}
	s.close()
	return s.out, s.check()
}

func bad(format string, args ...any) error {
	return &room.Error{Code: room.CodeBadMessage, Text: fmt.Sprintf(format, args...)}
}

func unusable(format string, args ...any) error {
	return &room.Error{Code: session.CodeSDP, Text: fmt.Sprintf(format, args...)}
}

// scanner holds what is known of the section that is being read; before the first it reads the
// session level, whose direction is the sections' default (RFC 8866 §6.7).
type scanner struct {
	out        description
	open       bool
	current    section
	direction  string // default, then the section's
	own        string // the section's direction, "" = not told
	rejected   bool   // port 0 …
	bundleOnly bool   // … unless it is only a matter of bundling (RFC 9143 §6)
}

func (s *scanner) line(typ byte, value string) error {
	switch typ {
	case 'm':
		s.close()
		f := strings.Fields(value)
		if len(f) < 4 {
			return bad("sdp: a media line has at least four fields")
		}
		if len(s.out.sections) == maxSections {
			return unusable("more than %d sections", maxSections)
		}
		s.open, s.own, s.bundleOnly, s.rejected = true, "", false, f[1] == "0"
		s.current = section{kind: f[0], codecs: static(f[0], f[3:])}
	case 'a':
		name, value, _ := strings.Cut(value, ":")
		return s.attribute(name, strings.TrimSpace(value))
	}
	return nil
}

func (s *scanner) attribute(name, value string) error {
	switch name {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		if s.open {
			s.own = name
		} else {
			s.direction = name
		}
	case "mid":
		if !validMID(value) || slices.ContainsFunc(s.out.sections, func(o section) bool { return o.mid == value }) {
			return bad("sdp: a mid that is no token, too long or used twice")
		}
		s.current.mid = value
	case "bundle-only":
		s.bundleOnly = true
	case "rtpmap":
		_, encoding, _ := strings.Cut(value, " ")
		encoding, _, _ = strings.Cut(encoding, "/")
		s.codec(strings.ToLower(strings.TrimSpace(encoding)))
	case "ice-ufrag", "ice-pwd":
		field := &s.out.ufrag
		if name == "ice-pwd" {
			field = &s.out.pwd
		}
		if *field == "" {
			*field = value
		}
	}
	return nil
}

func (s *scanner) codec(name string) {
	if slices.Contains(codecs[s.current.kind], name) && !slices.Contains(s.current.codecs, name) {
		s.current.codecs = append(s.current.codecs, name)
	}
}

func (s *scanner) close() {
	if !s.open {
		return
	}
	d := s.own
	if d == "" {
		d = s.direction
	}
	if !s.rejected || s.bundleOnly {
		s.current.send = d == "sendrecv" || d == "sendonly"
		s.current.recv = d == "sendrecv" || d == "recvonly"
	}
	s.out.sections = append(s.out.sections, s.current)
	s.open = false
}

func (s *scanner) check() error {
	switch {
	case len(s.out.sections) == 0:
		return bad("sdp: no sections")
	case !validCredential(s.out.ufrag, 4) || !validCredential(s.out.pwd, 22):
		return unusable("no ICE credentials")
	}
	return nil
}

// codecs are the encoding names we know, in the words of package room.
var codecs = map[string][]string{
	"audio": {"opus", "g722", "pcmu", "pcma"},
	"video": {"vp8", "vp9", "av1", "h264", "h265"},
}

// static lists codecs whose payload types need no rtpmap (RFC 3551 §6).
func static(kind string, formats []string) (out []string) {
	if kind != "audio" {
		return nil
	}
	for _, f := range formats {
		if c := map[string]string{"0": "pcmu", "8": "pcma", "9": "g722"}[f]; c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// validMID: a token (RFC 5888 §4, RFC 8866 §9).
func validMID(s string) bool {
	return s != "" && len(s) <= maxMID && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]`, c)
	})
}

// validCredential: at least low and at most 256 visible characters (RFC 8839 §5.4, whose ice-chars
// not every client keeps to).
func validCredential(s string, low int) bool {
	return len(s) >= low && len(s) <= 256 && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// published says what each section sends: the first audio is the microphone, the second goes with
// the screen; the first video is the camera, the second the screen. More are not taken.
func (d description) published() ([]session.Section, error) {
	left := map[string][]room.Source{
		"audio": {room.SourceMic, room.SourceScreenAudio},
		"video": {room.SourceCamera, room.SourceScreen},
	}
	var out []session.Section
	for _, s := range d.sections {
		sources := left[s.kind]
		if !s.send || len(sources) == 0 {
			continue
		}
		if s.mid == "" {
			return nil, unusable("a section without a mid")
		}
		out = append(out, session.Section{MID: s.mid, Source: sources[0]})
		left[s.kind] = sources[1:]
	}
	if len(out) == 0 {
		return nil, unusable("no section sends audio or video")
	}
	return out, nil
}

// seat is the one seat of a player: its first audio and its first video section that receive.
func (d description) seat() (session.SeatPair, error) {
	var pair session.SeatPair
	for _, s := range d.sections {
		half := map[string]*string{"audio": &pair.Audio, "video": &pair.Video}[s.kind]
		if half == nil || !s.recv || *half != "" {
			continue
		}
		if s.mid == "" {
			return pair, unusable("a section without a mid")
		}
		*half = s.mid
	}
	if pair == (session.SeatPair{}) {
		return pair, unusable("no section receives audio or video")
	}
	return pair, nil
}

// caps lists the codecs of the sections that are chosen.
func (d description) caps(chosen func(section) bool) room.Caps {
	var c room.Caps
	for _, s := range d.sections {
		list := map[string]*[]string{"audio": &c.Audio, "video": &c.Video}[s.kind]
		if list == nil || !chosen(s) {
			continue
		}
		for _, name := range s.codecs {
			if !slices.Contains(*list, name) {
				*list = append(*list, name)
			}
		}
	}
	return c
}

// restarted is an offer with other ICE credentials and without candidates (RFC 9725 §4.3.2).
func restarted(sdp, ufrag, pwd string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, "a=candidate:"), strings.HasPrefix(line, "a=end-of-candidates"):
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			b.WriteString("a=ice-ufrag:" + ufrag + "\r\n")
		case strings.HasPrefix(line, "a=ice-pwd:"):
			b.WriteString("a=ice-pwd:" + pwd + "\r\n")
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}
