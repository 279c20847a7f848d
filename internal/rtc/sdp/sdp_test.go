package sdp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"veche.example/internal/media"
)

// head is the session part of the tests' offers.
const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

// transport is what every section could have.
const transport = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 aa:bb\r\na=setup:actpass\r\n"

// video is a section as Chromium writes it, shortened.
const video = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101 102 103 104 105 106 107 108 109 45 46 120\r\nc=IN IP4 0.0.0.0\r\n" + transport + `a=mid:1
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:9/sendonly urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:- t
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 VP9/90000
a=fmtp:98 profile-id=0
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:100 VP9/90000
a=fmtp:100 profile-id=2
a=rtpmap:101 rtx/90000
a=fmtp:101 apt=100
a=rtpmap:102 H264/90000
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:104 H264/90000
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:105 rtx/90000
a=fmtp:105 apt=104
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:107 rtx/90000
a=fmtp:107 apt=106
a=rtpmap:108 H264/90000
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=rtpmap:45 AV1/90000
a=fmtp:45 level-idx=5;profile=0;tier=0
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
a=rtpmap:120 red/90000
a=rid:q send
a=rid:h send
a=simulcast:send q;h
a=ssrc-group:FID 100 200
a=ssrc:100 cname:c
a=ssrc:200 cname:c
a=ssrc:300 cname:c
`

const audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110\r\n" + transport + `a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
`

func parse(t testing.TB, text string) *Offer {
	t.Helper()
	o, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func types(list []Format) string {
	var s []string
	for _, f := range list {
		e := fmt.Sprint(f.Type)
		if f.HasRTX {
			e += fmt.Sprint("+", f.RTX)
		}
		s = append(s, e)
	}
	return strings.Join(s, " ")
}

func TestParse(t *testing.T) {
	o := parse(t, head+"a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n"+audio+video)
	if !o.Bundle || o.Ufrag != "abcd" || len(o.Pwd) != 24 || o.Setup != "actpass" || !slices.Equal(o.Fingerprints, []Fingerprint{{"sha-256", "AA:BB"}}) {
		t.Errorf("%+v", o)
	}
	a, v := o.Section("0"), o.Section("1")
	if a.Kind != media.Audio || a.Direction != RecvOnly || !a.Mux || a.RSize || !a.Bundled || !a.Mixed || a.Rejected || !a.Named {
		t.Errorf("%+v", a)
	}
	if v.Kind != media.Video || v.Direction != SendRecv || !v.RSize || v.Ext(ExtMID) != 9 || v.Ext(ExtTWCC) != 4 || v.Ext(ExtDD) != 0 {
		t.Errorf("%+v", v)
	}
	if !slices.Equal(v.Streams, []Stream{{100, 200}, {300, 0}}) {
		t.Error(v.Streams)
	}
	if o.Section("2") != nil {
		t.Error("a section that is not there")
	}
}

func TestAccept(t *testing.T) {
	o := parse(t, head+"a=group:BUNDLE 0 1\r\n"+audio+video)
	a, v := o.Section("0"), o.Section("1")
	for _, c := range []struct {
		s       *Section
		codecs  []media.Codec
		sending bool
		want    string
	}{
		{a, media.Codecs(media.Audio), false, "111 9 0 8"},
		{a, []media.Codec{media.PCMA, media.Opus}, true, "8 111"},
		{v, media.Codecs(media.Video), true, "96+97 98+99 45+46 106+107"},
		{v, media.Codecs(media.Video), false, "96+97 98+99 45+46 106+107 102+103 104+105"},
		{v, []media.Codec{media.H265}, false, ""},
		{v, nil, false, ""},
	} {
		if got := types(c.s.Accept(c.codecs, c.sending)); got != c.want {
			t.Errorf("%v: %q, want %q", c.codecs, got, c.want)
		}
	}
	high := strings.ReplaceAll(strings.ReplaceAll(video, "42001f", "64001f"), "42e01f", "640c1f")
	s := parse(t, head+high).Sections[0]
	if got := types(s.Accept([]media.Codec{media.H264}, true)); got != "102+103" {
		t.Errorf("where there is only high profile: %q", got)
	}
	f := v.Accept([]media.Codec{media.VP8}, false)[0]
	if f.Feedback != NACK|PLI|FIR|TWCC {
		t.Error(f.Feedback)
	}
	if f = v.Accept([]media.Codec{media.VP8}, true)[0]; f.Feedback != NACK|PLI|FIR|TWCC {
		t.Error(f.Feedback)
	}
	plain := parse(t, head+strings.Replace(audio, "a=fmtp:111 minptime=10;useinbandfec=1\n", "", 1)).Sections[0]
	if f = plain.Accept([]media.Codec{media.Opus}, true)[0]; f.Fmtp != "useinbandfec=1" {
		t.Error(f.Fmtp)
	}
}

// TestStatic: payload types that need no rtpmap.
func TestStatic(t *testing.T) {
	s := parse(t, head+"m=audio 9 UDP/TLS/RTP/SAVPF 0 8 9 3 0\r\n"+transport).Sections[0]
	if got := types(s.Accept(media.Codecs(media.Audio), false)); got != "9 0 8" {
		t.Error(got)
	}
	if s.MID != "0" || s.Named || !s.Bundled {
		t.Errorf("%+v", s)
	}
	// A dynamic use of a static number.
	s = parse(t, head+"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 G729/8000\r\n"+transport).Sections[0]
	if got := types(s.Accept(media.Codecs(media.Audio), false)); got != "" {
		t.Error(got)
	}
}

// TestInherit: what the session says holds for its sections.
func TestInherit(t *testing.T) {
	o := parse(t, head+transport+"a=sendonly\r\na=group:BUNDLE x y\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:x\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:y\r\na=bundle-only\r\na=recvonly\r\n")
	x, y := o.Section("x"), o.Section("y")
	if x.Direction != SendOnly || y.Direction != RecvOnly || y.Rejected || o.Ufrag != "abcd" {
		t.Errorf("%+v %+v", x, y)
	}
}

func TestRefused(t *testing.T) {
	section := "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
	for name, text := range map[string]string{
		"empty":             "",
		"no section":        head,
		"another version":   "v=1\r\n",
		"not a line":        head + "hello\r\n",
		"control character": head + "a=\x01\r\n",
		"m= cut short":      head + "m=audio 9\r\n",
		"port":              head + "m=audio x UDP/TLS/RTP/SAVPF 0\r\n",
		"payload type":      head + "m=audio 9 UDP/TLS/RTP/SAVPF 128\r\n",
		"media":             head + "m=a/b 9 X 0\r\n",
		"mid":               head + "m=audio 9 X 0\r\na=mid:" + strings.Repeat("x", 33) + "\r\n",
		"same mid":          head + transport + section + section,
		"ufrag":             head + "m=audio 9 X 0\r\na=ice-ufrag:a\r\n",
		"pwd":               head + "m=audio 9 X 0\r\na=ice-pwd:short\r\n",
		"setup":             head + "m=audio 9 X 0\r\na=setup:holdconn\r\n",
		"fingerprint":       head + "m=audio 9 X 0\r\na=fingerprint:sha-256\r\n",
		"extmap":            head + "m=audio 9 X 0\r\na=extmap:15 uri\r\n",
		"ssrc":              head + "m=audio 9 X 0\r\na=ssrc:-1 x\r\n",
		"ssrc-group":        head + "m=audio 9 X 0\r\na=ssrc-group:FID 1 x\r\n",
		"rtpmap":            head + "m=audio 9 X 0\r\na=rtpmap:0 \xff\r\n",
		"all rejected":      head + transport + "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n",
		"no BUNDLE":         head + transport + section + "m=video 9 X 96\r\na=mid:1\r\n",
		"BUNDLE of nothing": head + transport + "a=group:BUNDLE 7\r\n" + section,
		"not bundled":       head + transport + "a=group:BUNDLE\r\n" + section,
		"no ICE":            head + section,
		"no password":       head + "a=ice-ufrag:abcd\r\n" + section,
		"no DTLS role":      head + strings.Replace(transport, "a=setup:actpass\r\n", "", 1) + section,
		"no fingerprint":    head + strings.Replace(transport, "a=fingerprint:sha-256 aa:bb\r\n", "", 1) + section,
		"both lite":         head + transport + "a=ice-lite\r\n" + section,
		"sections":          head + strings.Repeat("m=audio 9 X 0\r\n", MaxSections+1),
		"size":              strings.Repeat("a=x\r\n", MaxSize/5+1),
	} {
		if o, err := Parse(text); err == nil {
			t.Errorf("%s: %+v", name, o)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// TestLimits: lists are cut, not grown.
func TestLimits(t *testing.T) {
	var b strings.Builder
	b.WriteString(head + transport + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "a=ssrc:%d cname:x\r\na=ssrc-group:FID %d %d\r\na=extmap:%d urn:%d\r\na=fingerprint:sha-256 %02X\r\n", i, i, i+5000, i%14+1, i, i%256)
	}
	s := parse(t, b.String()).Sections[0]
	if len(s.Streams) > maxList || len(s.Exts) > maxList || len(s.transport.Fingerprints) > maxList {
		t.Error(len(s.Streams), len(s.Exts), len(s.transport.Fingerprints))
	}
}

func answerTo(o *Offer) *Answer {
	a := &Answer{Transport: Transport{Ufrag: "u", Pwd: "p", Setup: "passive", Fingerprints: []Fingerprint{{"sha-256", "CC"}}}, ID: 7, Version: 2,
		Bundle: o.Bundle, Candidates: []string{"candidate:1 1 udp 1 192.0.2.1 7788 typ host"}}
	for i, s := range o.Sections {
		as := AnswerSection{Offer: s}
		if as.Rejected = s.Kind == 0 || s.Rejected; !as.Rejected {
			as.Formats = s.Accept(append(media.Codecs(media.Audio), media.Codecs(media.Video)...), s.Direction == RecvOnly)
			as.Direction = RecvOnly
			if s.Direction == RecvOnly {
				as.Direction, as.StreamID, as.TrackID = SendOnly, "s0", fmt.Sprint("t", i)
				as.Stream = Stream{11, 12}
			}
			for _, uri := range []string{ExtMID, ExtTWCC} {
				if id := s.Ext(uri); id != 0 {
					as.Exts = append(as.Exts, Ext{id, uri})
				}
			}
		}
		a.Sections = append(a.Sections, as)
	}
	return a
}

// TestAnswer compares a whole answer.
func TestAnswer(t *testing.T) {
	o := parse(t, head+"a=group:BUNDLE d 0 1\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n"+audio+
		strings.Replace(video, "96 97 98 99 100 101 102 103 104 105 106 107 108 109 45 46 120", "96 97", 1))
	want := `v=0
o=- 7 2 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-lite
a=group:BUNDLE 0 1
a=msid-semantic:WMS *
m=application 0 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:d
a=inactive
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:u
a=ice-pwd:p
a=fingerprint:sha-256 CC
a=setup:passive
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=msid:s0 t1
a=ssrc-group:FID 11 12
a=ssrc:11 cname:s0
a=ssrc:12 cname:s0
a=candidate:1 1 udp 1 192.0.2.1 7788 typ host
a=end-of-candidates
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:1
a=ice-ufrag:u
a=ice-pwd:p
a=fingerprint:sha-256 CC
a=setup:passive
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
`
	if got := answerTo(o).String(); got != strings.ReplaceAll(want, "\n", "\r\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestDirections(t *testing.T) {
	for d, want := range map[Direction]string{Inactive: "inactive", SendOnly: "sendonly", RecvOnly: "recvonly", SendRecv: "sendrecv"} {
		if d.String() != want || d.Sends() != strings.Contains(want, "send") || d.Receives() != strings.Contains(want, "recv") {
			t.Error(d)
		}
	}
}

// FuzzParse: no text hurts, and what is accepted makes an answer whose lines are lines.
func FuzzParse(f *testing.F) {
	f.Add(head + "a=group:BUNDLE 0 1\r\n" + audio + video)
	f.Add(head + transport + "m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\na=rtpmap:8 PCMA/8000\r\na=fmtp:8 apt=0\r\n")
	f.Add(head + transport + "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=97\r\na=rtcp-fb:* nack\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := Parse(text)
		if err != nil {
			if o != nil || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		answer := answerTo(o).String()
		for line := range strings.SplitSeq(strings.TrimSuffix(answer, "\r\n"), "\r\n") {
			if len(line) < 2 || line[1] != '=' || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("line %q of\n%s", line, answer)
			}
		}
	})
}

func TestFingerprints(t *testing.T) {
	der := []byte("a certificate")
	good := FingerprintOf(der)
	if len(good.Value) != 95 {
		t.Error(good)
	}
	for name, c := range map[string]struct {
		prints          []Fingerprint
		match, reliable bool
	}{
		"none":       {nil, false, false},
		"right":      {[]Fingerprint{good}, true, true},
		"wrong":      {[]Fingerprint{{"sha-256", strings.Repeat("AB:", 31) + "AB"}}, false, true},
		"one of two": {[]Fingerprint{{"sha-512", "AA"}, good}, true, true},
		"empty":      {[]Fingerprint{{"sha-256", ""}}, false, true},
		"SHA-1":      {[]Fingerprint{{"sha-1", "4A:AD"}}, false, false},
		"unknown":    {[]Fingerprint{{"", ""}}, false, false},
	} {
		if Match(c.prints, der) != c.match || Reliable(c.prints) != c.reliable {
			t.Error(name)
		}
	}
	for _, name := range []string{"sha-384", "sha-512"} {
		value, ok := hash(name, der)
		if !ok || !Match([]Fingerprint{{name, value}}, der) {
			t.Error(name)
		}
	}
}
