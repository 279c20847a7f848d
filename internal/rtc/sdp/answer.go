package sdp

import (
	"strconv"
	"strings"
)

// Answer is what the server answers. Sections are those of the offer, one by one.
type Answer struct {
	Transport
	ID, Version uint64 // of the session (RFC 8866 §5.2)
	Candidates  []string
	Bundle      bool
	Sections    []AnswerSection
}

// AnswerSection is the server's half of a section.
type AnswerSection struct {
	Offer     *Section
	Rejected  bool
	Direction Direction // of the server
	Formats   []Format  // as Accept gives them
	Exts      []Ext
	Encodings []Encoding // of a section on which the server receives simulcast
	// Of a section on which the server sends.
	StreamID, TrackID string
	Stream            Stream
}

// String writes the description.
func (a *Answer) String() string {
	w := new(strings.Builder)
	w.Grow(1024 + 1024*len(a.Sections))
	line := func(parts ...string) { put(w, "", parts) }
	line("v=0")
	line("o=- ", strconv.FormatUint(a.ID, 10), " ", strconv.FormatUint(a.Version, 10), " IN IP4 0.0.0.0")
	line("s=-")
	line("t=0 0")
	attr(w, "ice-lite")
	if a.Bundle {
		w.WriteString("a=group:BUNDLE")
		for i := range a.Sections {
			if s := &a.Sections[i]; !s.Rejected {
				w.WriteString(" ")
				w.WriteString(s.Offer.MID)
			}
		}
		w.WriteString("\r\n")
	}
	attr(w, "msid-semantic:WMS *")
	first := true
	for i := range a.Sections {
		s := &a.Sections[i]
		s.write(w, a, first)
		first = first && s.Rejected
	}
	return w.String()
}

// write writes one section; the first one that is not rejected carries the candidates for all (RFC 8843 §7.3.1).
func (s *AnswerSection) write(w *strings.Builder, a *Answer, first bool) {
	port, formats := "9", s.Offer.rawFmt
	if s.Rejected {
		port = "0"
	} else {
		formats = ""
		for i := range s.Formats {
			formats += s.Formats[i].types()
		}
		formats = strings.TrimPrefix(formats, " ")
	}
	if formats == "" {
		formats = "0"
	}
	put(w, "m=", []string{s.Offer.Media, " ", port, " ", s.Offer.Proto, " ", formats})
	put(w, "c=IN IP4 0.0.0.0", nil)
	if s.Offer.Named {
		attr(w, "mid:", s.Offer.MID)
	}
	if s.Rejected {
		attr(w, "inactive")
		return
	}
	attr(w, "ice-ufrag:", a.Ufrag)
	attr(w, "ice-pwd:", a.Pwd)
	for _, f := range a.Fingerprints {
		attr(w, "fingerprint:", f.Hash, " ", f.Value)
	}
	attr(w, "setup:", a.Setup)
	attr(w, s.Direction.String())
	attr(w, "rtcp-mux")
	if s.Offer.RSize {
		attr(w, "rtcp-rsize")
	}
	if s.Offer.Mixed {
		attr(w, "extmap-allow-mixed")
	}
	for _, e := range s.Exts {
		attr(w, "extmap:", strconv.Itoa(int(e.ID)), " ", e.URI)
	}
	for i := range s.Formats {
		s.Formats[i].write(w)
	}
	if s.Direction.Sends() {
		s.streams(w)
	}
	if s.Direction.Receives() {
		s.encodings(w)
	}
	if first {
		for _, c := range a.Candidates {
			attr(w, c)
		}
		attr(w, "end-of-candidates")
	}
}

// streams declares the server's stream and that of its retransmissions.
func (s *AnswerSection) streams(w *strings.Builder) {
	attr(w, "msid:", s.StreamID, " ", s.TrackID)
	ssrc := strconv.FormatUint(uint64(s.Stream.SSRC), 10)
	if s.Stream.RTX != 0 {
		rtx := strconv.FormatUint(uint64(s.Stream.RTX), 10)
		attr(w, "ssrc-group:FID ", ssrc, " ", rtx)
		defer attr(w, "ssrc:", rtx, " cname:", s.StreamID)
	}
	attr(w, "ssrc:", ssrc, " cname:", s.StreamID)
}

func attr(w *strings.Builder, parts ...string) { put(w, "a=", parts) }

func put(w *strings.Builder, prefix string, parts []string) {
	w.WriteString(prefix)
	for _, p := range parts {
		w.WriteString(p)
	}
	w.WriteString("\r\n")
}
