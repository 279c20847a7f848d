package sdp

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"veche.example/internal/media"
)

const ridExts = "a=extmap:10 " + ExtRID + "\r\na=extmap:11 " + ExtRRID + "\r\n"

// sending is an offer of one video section with the lines given.
func sending(lines string) string {
	v := strings.NewReplacer("a=rid:q send\n", "", "a=rid:h send\n", "", "a=simulcast:send q;h\n", "").Replace(video)
	return head + v + lines
}

// TestSimulcast: which encodings are understood, and how they are answered.
func TestSimulcast(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		exts  bool
		want  string // lines of the answer
	}{
		"none":          {"", true, ""},
		"browsers":      {"a=rid:l send\na=rid:m send\na=rid:h send\na=simulcast:send l;m;h\n", true, "a=rid:l recv a=rid:m recv a=rid:h recv a=simulcast:recv l;m;h"},
		"other order":   {"a=simulcast:send h;l\na=rid:l send\na=rid:h send\n", true, "a=rid:h recv a=rid:l recv a=simulcast:recv h;l"},
		"no extension":  {"a=rid:l send\na=rid:h send\na=simulcast:send l;h\n", false, ""},
		"paused, alt":   {"a=rid:1 send\na=rid:2 send\na=rid:3 send\na=simulcast:recv x send ~1;2,3\n", true, "a=rid:1 recv a=rid:2 recv a=simulcast:recv 1;2"},
		"draft":         {"a=rid:1 send\na=simulcast: send rid=1;2\n", true, "a=rid:1 recv a=simulcast:recv 1"},
		"to receive":    {"a=rid:1 recv\na=simulcast:recv 1\n", true, ""},
		"not listed":    {"a=rid:1 send\na=rid:2 send\n", true, ""},
		"twice":         {"a=rid:1 send\na=rid:1 send max-fps=1\na=simulcast:send 1;1\na=simulcast:send 1\n", true, "a=rid:1 recv a=simulcast:recv 1"},
		"restricted":    {"a=rid:1 send max-width=320; max-fps=15\na=simulcast:send 1\n", true, "a=rid:1 recv max-width=320;max-fps=15 a=simulcast:recv 1"},
		"types":         {"a=rid:1 send pt=96,99\na=rid:2 send pt=120\na=rid:3 send pt=98;max-br=9\na=simulcast:send 1;2;3\n", true, "a=rid:1 recv pt=96,99 a=rid:3 recv pt=98;max-br=9 a=simulcast:recv 1;3"},
		"malformed":     {"a=rid:\na=rid:x\na=rid:a*b send\na=rid:" + strings.Repeat("a", 17) + " send\na=rid:1 sending\na=rid:é send\na=rid:2 send \x7e\n" + "a=simulcast:\na=rid:9 send\n", true, ""},
		"too many":      {"a=rid:1 send\na=rid:2 send\na=rid:3 send\na=rid:4 send\na=rid:5 send\na=simulcast:send 1;2;3;4;5\n", true, "a=rid:1 recv a=rid:2 recv a=rid:3 recv a=rid:4 recv a=simulcast:recv 1;2;3;4"},
		"far too many":  {strings.Repeat("a=rid:x send\n", 500) + "a=simulcast:send " + strings.Repeat("x;", 5000) + "\n", true, "a=rid:x recv a=simulcast:recv x"},
		"no such thing": {"a=simulcast:send 1;2\n", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := sending(c.lines)
			if c.exts {
				text += ridExts
			}
			got := strings.Join(answered(parse(t, text), "a=rid:", "a=simulcast:"), " ")
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// answered gives the lines of an answer that begin with one of the prefixes.
func answered(o *Offer, prefixes ...string) []string {
	s := o.Sections[0]
	a := &Answer{Sections: []AnswerSection{{Offer: s, Direction: RecvOnly, Formats: s.Accept(media.Codecs(s.Kind), false)}}}
	a.Sections[0].Encodings = s.Simulcast(a.Sections[0].Formats)
	var list []string
	for line := range strings.SplitSeq(a.String(), "\r\n") {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) }) {
			list = append(list, line)
		}
	}
	return list
}

// TestGroups: simulcast of old, by SSRCs.
func TestGroups(t *testing.T) {
	s := parse(t, sending("a=ssrc-group:SIM 100 300 400 400 500 600\na=ssrc-group:FEC-FR 1 2\na=ssrc-group:\na=ssrc-group:FID 7\na=ssrc-group:SIM\n")).Sections[0]
	if !slices.Equal(s.Group, []uint32{100, 300, 400, 500}) || !slices.Equal(s.Streams, []Stream{{100, 200}, {300, 0}}) {
		t.Errorf("%v %v", s.Group, s.Streams)
	}
	if _, err := Parse(sending("a=ssrc-group:SIM 1 x\n")); err == nil {
		t.Error("not numbers")
	}
}

// TestRED: the redundant form of Opus is taken in the order that the offer likes.
func TestRED(t *testing.T) {
	for name, c := range map[string]struct{ m, fmtp, want string }{
		"after":      {"111 63 0", "a=fmtp:63 111/111\n", "111 63 0"},
		"before":     {"63 111 0", "a=fmtp:63 111/111\n", "63 111 0"},
		"three":      {"63 111 0", "a=fmtp:63 111/111/111\n", "63 111 0"},
		"no fmtp":    {"111 63", "", "111"},
		"of PCMU":    {"111 63 0", "a=fmtp:63 0/0\n", "111 0"},
		"mixed":      {"111 63 0", "a=fmtp:63 111/0\n", "111 0"},
		"of nothing": {"111 63", "a=fmtp:63 99/99\n", "111"},
		"not listed": {"111", "a=fmtp:63 111/111\n", "111"},
		"no numbers": {"111 63", "a=fmtp:63 //\n", "111"},
	} {
		text := head + "m=audio 9 UDP/TLS/RTP/SAVPF " + c.m + "\r\n" + transport + "a=rtcp-mux\na=rtpmap:111 opus/48000/2\na=rtpmap:63 red/48000/2\n" + c.fmtp
		if got := answered(parse(t, text), "m="); len(got) != 1 || got[0] != "m=audio 9 UDP/TLS/RTP/SAVPF "+c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// FuzzSimulcast: any text in the lines about simulcast and RED; what is answered is understood again.
func FuzzSimulcast(f *testing.F) {
	f.Add("h send pt=96;max-width=320", "send h;~l,m recv x", "SIM 1 2 3", "63 111/111")
	f.Add("h", " send rid=h;;,", "FID 1", "111 63/63")
	f.Fuzz(func(t *testing.T, rid, simulcast, group, fmtp string) {
		text := sending(fmt.Sprintf("a=rid:%s\na=rid:l send\na=simulcast:%s\na=ssrc-group:%s\na=fmtp:%s\n", rid, simulcast, group, fmtp) + ridExts)
		o, err := Parse(text)
		if err != nil {
			return
		}
		s := o.Sections[0]
		if len(s.Encodings) > MaxRIDs || len(s.Group) > MaxRIDs || len(s.Streams) > maxList {
			t.Fatalf("%+v", s)
		}
		list := s.Simulcast(s.Accept(media.Codecs(media.Video), false))
		back := new(layers)
		for _, line := range answered(o, "a=rid:", "a=simulcast:") {
			if v, ok := strings.CutPrefix(line, "a=rid:"); ok {
				back.rid(strings.Replace(v, " recv", " send", 1))
			} else {
				back.simulcast(strings.Replace(strings.TrimPrefix(line, "a=simulcast:"), "recv ", "send ", 1))
			}
		}
		if got := back.sent(); len(list) != len(got) || len(list) > 0 && !reflect.DeepEqual(got, list) {
			t.Fatalf("%+v came back as %+v", list, got)
		}
	})
}
