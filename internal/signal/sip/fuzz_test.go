package sip

import (
	"strings"
	"testing"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/signal/sip/digest"
	"veche.example/internal/signal/sip/message"
)

// FuzzRouting gives the proxy messages of one client: nothing breaks, the other client gets nothing but whole messages
// with our Via that do not pretend to be from somebody else, and goes on.
func FuzzRouting(f *testing.F) {
	p := &phone{name: "ann"}
	for _, method := range []string{"REGISTER", "INVITE", "MESSAGE", "ACK", "CANCEL", "OPTIONS", "BYE"} {
		f.Add([]byte(p.request(method, "sip:bob@x", "bob", "Contact: <sip:a@c.invalid>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"")))
		f.Add([]byte(p.request(method, "sip:bob@c.invalid", "bob", "Route: <sip:abc@"+ourHost+";lr>", "From: <sip:bob@x>;tag=1")))
	}
	f.Add([]byte(p.request("REGISTER", "sip:x", "boss", "From: <sip:boss@x>;tag=1", `Authorization: Digest username="boss", realm="veche", nonce="AA", uri="sip:x", response="0"`)))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n"))
	f.Add([]byte("\r\n\r\n"))
	var s *stand
	var bob, ann *phone
	f.Fuzz(func(t *testing.T, data []byte) {
		s = newStand(t, front.Config{Limits: front.Limits{Rate: 1e6, Burst: 1e6}}, Options{Users: map[string]digest.Secret{"boss": {Password: "b"}}})
		bob, ann = s.registered("bob"), s.registered("ann")
		ann.send(string(data))
		ann.send("\r\n\r\n")
		for pong := false; !pong; { // all that comes before it is an answer
			_, got, err := ann.ws.Read(ann.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if pong = string(got) == "\r\n"; !pong {
				if _, err := message.Parse(got); err != nil && !strings.Contains(string(got), "400 Bad Request") {
					t.Fatalf("%v: %q", err, got)
				}
			}
		}
		bob.send(bob.request("OPTIONS", "sip:x", "x"))
		for {
			m := bob.read()
			if m.Status == 200 && strings.Contains(m.Get("Call-ID"), "call-bob") && strings.HasSuffix(m.Get("CSeq"), "OPTIONS") {
				break
			}
			a, err := message.ParseAddr(m.Get("From"))
			if m.Method == "" || err != nil || a.URI.AOR() != "ann@x" && a.URI.Host != anonymous || !strings.Contains(m.Get("Via"), s.a.sentBy) {
				t.Fatalf("bob got %q", m.Bytes())
			}
		}
		s.a.mu.Lock()
		s.a.overdue(time.Unix(1<<40, 0))
		s.a.mu.Unlock()
	})
}
