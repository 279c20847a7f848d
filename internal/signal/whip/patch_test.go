package whip

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

const trickled = "a=ice-ufrag:" + clientUfrag + "\r\na=ice-pwd:" + clientPwd + "\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 192.0.2.7 3000 typ host\r\n" +
	"a=candidate:2 1 tcp 1 192.0.2.7 9 typ host tcptype active\r\na=end-of-candidates\r\n"

const renewed = "a=ice-ufrag:newU\r\na=ice-pwd:newpwdnewpwdnewpwdnewpw\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:9 1 udp 1 192.0.2.8 3000 typ host\r\n"

func TestTrickle(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	r := l.begin("/whip/tea", publish)
	loc, tag := r.Header.Get("Location"), "If-Match: "+r.Header.Get("ETag")
	r = l.do("PATCH", loc, trickled, typeFragment, tag)
	r.want(t, 204)
	if r.body != "" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%q %v", r.body, r.Header)
	}
	of := func(mid, line string) session.Candidate {
		return session.Candidate{PC: 1, MID: mid, Line: line, Index: -1, Fragment: clientUfrag}
	}
	want := []session.Candidate{
		of("0", "candidate:1 1 udp 2130706431 192.0.2.7 3000 typ host"),
		of("0", "candidate:2 1 tcp 1 192.0.2.7 9 typ host tcptype active"), of("0", ""),
	}
	if d := cmp.Diff(want, f.last().snapshot().candidates); d != "" {
		t.Error(d)
	}
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		code   string
	}{
		"any ICE session":      {"a=candidate:3 1 udp 1 192.0.2.7 1 typ host\n", []string{typeFragment, "If-Match: *"}, 204, ""},
		"one of several tags":  {"", []string{typeFragment, `If-Match: "x", ` + tag[len("If-Match: "):]}, 204, ""},
		"tag in another field": {"", []string{typeFragment, `If-Match: "x"`, tag}, 204, ""},
		"no tag":               {trickled, []string{typeFragment}, 428, "etag"},
		"another tag":          {trickled, []string{typeFragment, `If-Match: "x"`}, 412, "etag"},
		"weak tag":             {trickled, []string{typeFragment, "If-Match: W/" + tag[len("If-Match: "):]}, 412, "etag"},
		"sdp":                  {trickled, []string{typeOffer, tag}, 415, "media-type"},
		"no type":              {trickled, []string{tag}, 415, "media-type"},
		"not a fragment":       {"hello", []string{typeFragment, tag}, 400, "bad-message"},
		"too big":              {strings.Repeat("a=x\n", 20_000), []string{typeFragment, tag}, 413, "too-big"},
		"bad candidate":        {"a=candidate:nonsense\n", []string{typeFragment, tag}, 400, "bad-message"},
		"restart by tag":       {renewed, []string{typeFragment, tag}, 422, "sdp"},
	} {
		r := l.do("PATCH", loc, c.body, c.header...)
		if c.status == 204 {
			r.want(t, c.status)
		} else {
			r.wantProblem(t, c.status, c.code)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if n := len(f.last().snapshot().offers); n != 1 {
		t.Errorf("%d offers", n)
	}
}

func TestRestart(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	r := l.begin("/whip/tea", publish)
	loc, tag := r.Header.Get("Location"), r.Header.Get("ETag")

	f.onOffer = func(context.Context, session.Offer) (string, error) {
		return "", &room.Error{Code: session.CodeSDP, Text: "x"}
	}
	l.do("PATCH", loc, renewed, typeFragment, "If-Match: *").wantProblem(t, 422, "sdp")
	l.do("PATCH", loc, trickled, typeFragment, "If-Match: "+tag).want(t, 204) // the old one goes on
	f.onOffer = nil

	r = l.do("PATCH", loc, renewed, typeFragment, "If-Match: *")
	r.want(t, 200)
	want := "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:SRV1\r\n" +
		"a=ice-pwd:SRVPWDSRVPWDSRVPWDSRV1\r\na=candidate:1 1 udp 1 192.0.2.1 7788 typ host\r\na=end-of-candidates\r\n"
	if d := cmp.Diff(want, r.body); d != "" || r.Header.Get("Content-Type") != fragmentType {
		t.Errorf("%s %s", r.Header.Get("Content-Type"), d)
	}
	next := r.Header.Get("ETag")
	if next == tag || next == "" {
		t.Errorf("ETag %s after %s", next, tag)
	}
	s := f.last().snapshot()
	o := s.offers[2]
	if d := cmp.Diff(s.offers[0].Tracks, o.Tracks); d != "" || o.PC != 1 || strings.Contains(o.SDP, clientUfrag) || strings.Contains(o.SDP, "candidate") ||
		strings.Count(o.SDP, "a=ice-ufrag:newU\r\n") != 2 || strings.Count(o.SDP, "a=ice-pwd:newpwdnewpwdnewpwdnewpw\r\n") != 2 {
		t.Errorf("%+v", o)
	}
	if c := s.candidates[len(s.candidates)-1]; c.Fragment != "newU" || c.MID != "0" {
		t.Errorf("%+v", c)
	}
	l.do("PATCH", loc, renewed, typeFragment, "If-Match: "+tag).wantProblem(t, 412, "etag")
	l.do("PATCH", loc, renewed, typeFragment, "If-Match: "+next).want(t, 204)
	if n := len(f.last().snapshot().offers); n != 3 {
		t.Errorf("%d offers", n)
	}
}

func TestPatchLimits(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	loc := l.begin("/whip/tea", publish).Header.Get("Location")
	many := strings.Repeat("a=candidate:1 1 udp 1 192.0.2.7 1 typ host\n", maxCandidates)
	for range sessionCandidates / maxCandidates {
		l.do("PATCH", loc, many, typeFragment, "If-Match: *").want(t, 204)
	}
	l.do("PATCH", loc, "a=end-of-candidates\n", typeFragment, "If-Match: *").wantProblem(t, 400, "bad-message")
	if n := len(f.last().snapshot().candidates); n != sessionCandidates {
		t.Errorf("%d candidates", n)
	}
	loc = l.begin("/whip/tea", publish).Header.Get("Location")
	status := 0
	for i := 0; i < 10*patchBurst && status != http.StatusTooManyRequests; i++ {
		status = l.do("PATCH", loc, "", typeFragment, "If-Match: *").StatusCode
	}
	if status != http.StatusTooManyRequests {
		t.Error("PATCH has no limit")
	}
}

// TestRace: everything at once on one session; the fake panics when two calls meet.
func TestRace(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	loc := l.begin("/whip/tea", publish).Header.Get("Location")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 6 {
				body := strings.ReplaceAll(renewed, "newU", fmt.Sprintf("new%d%d", i, k))
				if r := l.do("PATCH", loc, body, typeFragment, "If-Match: *"); r.StatusCode != 200 && r.StatusCode != 404 {
					t.Errorf("%d %s", r.StatusCode, r.body)
				}
			}
		})
	}
	all.Go(func() { l.do("DELETE", loc, "").want(t, 200) })
	all.Go(func() { f.last().out.Media(generation, session.MediaConnected) })
	all.Wait()
	l.do("DELETE", loc, "").want(t, 404)
	if n := f.last().snapshot().left; n != 1 {
		t.Errorf("left %d times", n)
	}
}
