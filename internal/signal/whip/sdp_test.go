package whip

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScan(t *testing.T) {
	ice := "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
	for name, c := range map[string]struct {
		sdp  string
		want []section
	}{
		"defaults": {"v=0\n" + ice + "m=audio 9 x 0 8 9 101\na=mid:0\n", []section{{"audio", "0", true, true, []string{"pcmu", "pcma", "g722"}}}},
		"direction of the session, of a section": {
			"v=0\na=recvonly\n" + ice + "m=audio 9 x 96\na=mid:0\nm=video 9 x 96\na=mid:1\na=sendonly\nm=video 9 x 96\na=mid:2\n",
			[]section{{"audio", "0", false, true, nil}, {"video", "1", true, false, nil}, {"video", "2", false, true, nil}},
		},
		"rejected, bundle-only": {
			"v=0\n" + ice + "m=audio 0 x 96\na=mid:0\nm=video 0 x 96\na=mid:1\na=bundle-only\n",
			[]section{{"audio", "0", false, false, nil}, {"video", "1", true, true, nil}},
		},
		"codecs": {
			"v=0\n" + ice + "m=video 9 x 96 97 98 99\na=mid:1\na=rtpmap:96 H264/90000\na=rtpmap:97 rtx/90000\na=rtpmap:98 AV1/90000\na=rtpmap:99 h264/90000\na=rtpmap:1 opus/48000\na=rtpmap\n",
			[]section{{"video", "1", true, true, []string{"h264", "av1"}}},
		},
		"without mid": {"v=0\n" + ice + "m=audio 9 x 96\n\n", []section{{"audio", "", true, true, nil}}},
	} {
		d, err := scan(c.sdp)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, d.sections, cmp.AllowUnexported(section{})); diff != "" || d.ufrag != "abcd" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, sdp := range map[string]string{
		"starts late": " v=0\n", "version 1": "v=1\n", "no type": "v=0\n=x\n", "short line": "v=0\nm\n", "upper case": "v=0\nA=x\n",
		"media line": "v=0\nm=audio 9\n", "empty mid": "v=0\n" + ice + "m=audio 9 x 0\na=mid:\n", "bad mid": "v=0\n" + ice + "m=audio 9 x 0\na=mid:a b\n",
		"long mid":  "v=0\n" + ice + "m=audio 9 x 0\na=mid:" + strings.Repeat("x", 33) + "\n",
		"short pwd": "v=0\na=ice-ufrag:abcd\na=ice-pwd:short\nm=audio 9 x 0\na=mid:0\n", "many": "v=0\n" + ice + strings.Repeat("m=audio 9 x 0\n", 65),
	} {
		if d, err := scan(sdp); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestParseFragment(t *testing.T) {
	pwd := strings.Repeat("p", 22)
	for name, c := range map[string]struct {
		text string
		want fragment
	}{
		"empty": {"", fragment{}},
		"RFC 8840": {
			"a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:" + pwd + "\r\na=candidate:1 x\r\n" +
				"m=video 9 RTP/AVP 0\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:" + pwd + "\r\na=candidate:2 y\r\na=end-of-candidates\r\n",
			fragment{"abcd", pwd, []candidate{{"0", "candidate:1 x"}, {"1", "candidate:2 y"}, {"1", ""}}},
		},
		"without sections":          {"a=candidate:1 x\n\na=end-of-candidates", fragment{candidates: []candidate{{"", "candidate:1 x"}, {"", ""}}}},
		"a mid ends with a section": {"a=mid:0\nm=video 9 x 0\na=candidate:1 x\n", fragment{candidates: []candidate{{"", "candidate:1 x"}}}},
	} {
		f, err := parseFragment(c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, f, cmp.AllowUnexported(fragment{}, candidate{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for name, text := range map[string]string{
		"not attributes": "v=0\n", "bad mid": "a=mid:\n", "user alone": "a=ice-ufrag:abcd\n", "password alone": "a=ice-pwd:" + pwd + "\n",
		"two users": "a=ice-ufrag:abcd\na=ice-ufrag:abce\na=ice-pwd:" + pwd + "\n", "short password": "a=ice-ufrag:abcd\na=ice-pwd:x\n",
		"control character": "a=candidate:1\rx\n",
		"injection":         "a=ice-ufrag:ab cd\na=ice-pwd:" + pwd + "\n",
		"many candidates":   strings.Repeat("a=candidate:1\n", maxCandidates+1), "long candidate": "a=candidate:" + strings.Repeat("x", maxCandidate),
	} {
		if f, err := parseFragment(text); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestFragmentOf(t *testing.T) {
	for answer, want := range map[string]string{
		"": "",
		"v=0\na=ice-ufrag:s\nm=audio 9 x 0\na=mid:0\nm=video 9 x 0\na=mid:1\na=candidate:1\nm=video 9 x 0\na=candidate:2\n": "a=ice-ufrag:s\r\nm=video 9 x 0\r\na=mid:1\r\na=candidate:1\r\n",
	} {
		if d := cmp.Diff(want, fragmentOf(answer)); d != "" {
			t.Error(d)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{publish, play, offer("application sendrecv 0"), answerSDP, "v=0\nm=audio 0 x 0 8\na=mid:0\na=bundle-only"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sdp string) {
		d, err := scan(sdp)
		if err != nil {
			if statusOf(err).status >= 500 {
				t.Fatalf("%v is the client's fault", err)
			}
			return
		}
		if len(d.sections) == 0 || len(d.sections) > maxSections {
			t.Fatalf("%d sections", len(d.sections))
		}
		tracks, err := d.published()
		if err == nil && (len(tracks) == 0 || len(tracks) > 4) {
			t.Fatalf("%d tracks", len(tracks))
		}
		_, _ = d.seat()
		again, err := scan(restarted(sdp, "newU", clientPwd))
		if err != nil || len(again.sections) != len(d.sections) {
			t.Fatalf("after a restart: %v", err)
		}
		fragmentOf(sdp)
	})
}

func FuzzParseFragment(f *testing.F) {
	for _, s := range []string{trickled, renewed, "", "a=candidate:x", "m=audio\na=mid:1\na=end-of-candidates"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseFragment(text)
		if err != nil {
			if statusOf(err).status != 400 {
				t.Fatal(err)
			}
			return
		}
		if len(p.candidates) > maxCandidates || strings.ContainsAny(p.ufrag+p.pwd, "\r\n ") {
			t.Fatalf("%+v", p)
		}
		for _, c := range p.candidates {
			if strings.ContainsAny(c.line, "\r\n\x00") || c.mid != "" && !validMID(c.mid) {
				t.Fatalf("%+v", c)
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/whip/tea", "/whep/a%2Fb/0123", "/whip/%ff", "//whip//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		if p, ok := parsePath(escaped); ok && !validRoom(p.room) {
			t.Fatalf("%+v", p)
		}
	})
}
