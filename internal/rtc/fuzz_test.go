package rtc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"

	"veche.example/internal/media"
)

// reports is what a flood is made of.
func reports(ssrc uint32) []rtcp.Packet {
	return []rtcp.Packet{&rtcp.ReceiverReport{SSRC: 100000 + ssrc, Reports: []rtcp.ReceptionReport{{SSRC: ssrc}}}}
}

// binding makes a connectivity check.
func binding(t testing.TB, user, pwd string, controlled bool) []byte {
	t.Helper()
	set := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if user != "" {
		set = append(set, stun.NewUsername(user))
	}
	role := stun.AttrICEControlling
	if controlled {
		role = stun.AttrICEControlled
	}
	set = append(set, stun.RawAttribute{Type: role, Value: make([]byte, 8)}, stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{1, 2, 3, 4}},
		stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	m, err := stun.Build(set...)
	must(t, err)
	return m.Raw
}

// FuzzOffer: any text as a client's first and second offer.
func FuzzOffer(f *testing.F) {
	crlf := strings.ReplaceAll(offer2, "\n", "\r\n")
	for _, s := range []string{
		"", "v=0", offer2, crlf, crlf[:len(crlf)/2],
		strings.Replace(offer2, "m=audio 9", "m=audio 0", 1),
		strings.ReplaceAll(offer2, "a=sendonly", "a=inactive"),
		strings.ReplaceAll(offer2, "UDP/TLS/RTP/SAVPF", "RTP/AVP"),
		strings.Replace(offer2, "a=group:BUNDLE a v sa sv", "", 1),
		strings.Replace(offer2, "a=mid:v", "a=mid:a", 1),
		strings.ReplaceAll(offer2, "96", "999"),
		strings.ReplaceAll(offer2, "a=ssrc:2222", "a=ssrc:99999999999"),
		strings.ReplaceAll(offer2, "apt=96", "apt=97"),
		strings.ReplaceAll(offer2, "setup:actpass", "setup:passive"),
		simulcast(offer2), strings.Replace(simulcast(offer2), "a=simulcast:send l;m;h", "a=simulcast:send l", 1),
		strings.Replace(offer2, "ssrc-group:FID 2222 2223", "ssrc-group:SIM 2222 2223", 1),
		"v=0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n",
		offer2 + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\n",
		"v=0\n" + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 0\n", 300),
	} {
		f.Add(s, "v", "sv")
	}
	r := newRig(f)
	f.Fuzz(func(t *testing.T, text, publish, receive string) {
		p, err := r.NewPeer(PeerConfig{ID: "fuzz", Audio: media.Codecs(media.Audio), Video: media.Codecs(media.Video), Handler: &handler{}})
		must(t, err)
		defer p.Close()
		for _, o := range []Offer{{SDP: text}, {SDP: text, Publish: []string{publish}, Receive: []string{receive}}, {SDP: offer2, Publish: []string{"a", "v"}}, {SDP: text}} {
			answer, err := p.Offer(context.Background(), o)
			if err != nil && !errors.Is(err, ErrSDP) || (err == nil) != (answer != "") {
				t.Fatal(err)
			}
			if err == nil && strings.Count(answer, "\r\nm=") != strings.Count("\n"+o.SDP, "\nm=") {
				t.Fatalf("another number of sections:\n%s\n%s", o.SDP, answer)
			}
		}
		if _, err := Sections(text); err != nil && !errors.Is(err, ErrSDP) {
			t.Fatal(err)
		}
	})
}

// FuzzCandidate: any text as a candidate.
func FuzzCandidate(f *testing.F) {
	for _, s := range []string{"", "candidate:1 1 UDP 2122252543 192.0.2.1 4444 typ host", "candidate:", "candidate:1 1 tcp 1 ::1 9 typ host tcptype active"} {
		f.Add(s)
	}
	r := newRig(f)
	p, err := r.NewPeer(PeerConfig{Handler: &handler{}})
	must(f, err)
	f.Cleanup(p.Close)
	f.Fuzz(func(t *testing.T, line string) {
		if err := p.Candidate(Candidate{Line: line, Index: -1}); err != nil && !errors.Is(err, ErrCandidate) {
			t.Fatal(err)
		}
	})
}

// FuzzDatagram: anything that a client with keys, or one without, can send.
func FuzzDatagram(f *testing.F) {
	o := newOffline(f, simulcast)
	o.keep.Store(false)
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 8, 0xae, 0x10, 0, 0, 0, 0x9d, 1, 0x2a}, true)
	f.Add([]byte{0xb0, 97, 0, 1, 0, 0, 0, 1, 0, 0, 8, 0xaf, 0xbe, 0xde, 0, 1, 0x41, 'v', 0, 0, 0, 5, 3}, true)
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 8, 0xb0, 0xbe, 0xde, 0, 1, 0x50, 'h', 0, 0, 0x10, 0, 0, 0, 0x9d, 1, 0x2a}, true)
	f.Add([]byte{0x90, 97, 0, 1, 0, 0, 0, 1, 0, 0, 8, 0xb1, 0xbe, 0xde, 0, 1, 0x60, 'h', 0x40, 'v', 0, 1, 0x10, 0, 0, 0, 0x9d, 1, 0x2a}, true)
	f.Add([]byte{0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7}, true)
	f.Add([]byte{0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, true)
	f.Add(binding(f, o.ice.current.User, o.ice.current.Pwd, false), false)
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, false)
	pa := o.ice.selected.Load()
	g := o.ice.current
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if len(b) > 1400 {
			return
		}
		if len(b) > 0 && b[0] <= 3 {
			g.Answer(b, pa.remote)
			return
		}
		if sealed && len(b) >= 12 && b[0]>>6 == 2 {
			var out []byte
			var err error
			if b[1] >= 192 && b[1] <= 223 {
				out, err = o.client.EncryptRTCP(nil, b, nil)
			} else {
				out, err = o.client.EncryptRTP(nil, b, nil)
			}
			if err != nil {
				return
			}
			b = out
		}
		o.rx.mu.Lock()
		o.rx.rtcpIn = 0
		clear(o.rx.ssrcs)
		o.rx.mu.Unlock()
		o.arrive(pa, b, nil)
		o.rx.mu.Lock()
		defer o.rx.mu.Unlock()
		if n := len(o.neg.inbounds["v"].encodings); n != 3 || len(o.rx.streams) > maxSSRCs {
			t.Fatal(n, "encodings", len(o.rx.streams), "streams")
		}
		clear(o.rx.streams)
	})
}
