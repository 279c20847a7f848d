package sip

import (
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/signal/sip/message"
)

// TestRefused: what is wrong with a request, and how its sender, who else, is told.
func TestRefused(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	bob := s.registered("bob")
	ann := s.registered("ann")
	const uri = "sip:bob@x"
	for _, c := range []struct {
		name string
		text string
		want int
	}{
		{"no SIP", "hello\r\n\r\n", 400},
		{"JSON", "{\"a\":1}", 400},
		{"no end", "OPTIONS sip:bob@x SIP/2.0", 400},
		{"binary", "OPTIONS \x00 SIP/2.0\r\n\r\n", 400},
		{"a header without colon", strings.Replace(ann.request("MESSAGE", uri, "bob"), "Call-ID:", "Call-ID", 1), 400},
		{"version", strings.Replace(ann.request("MESSAGE", uri, "bob"), "SIP/2.0\r\n", "SIP/3.0\r\n", 1), 505},
		{"no From", strings.Replace(ann.request("MESSAGE", uri, "bob"), "From:", "Frm:", 1), 400},
		{"two From", ann.request("MESSAGE", uri, "bob", "F: <sip:ann@x>;tag=1"), 400},
		{"no tag", ann.request("MESSAGE", uri, "bob", "From: <sip:ann@x>"), 400},
		{"From is no address", ann.request("MESSAGE", uri, "bob", "From: <sip:ann@x"), 400},
		{"no branch", strings.Replace(ann.request("MESSAGE", uri, "bob"), ";branch=", ";b=", 1), 400},
		{"CSeq of another method", ann.request("MESSAGE", uri, "bob", "CSeq: 1 INVITE"), 400},
		{"CSeq too high", ann.request("MESSAGE", uri, "bob", "CSeq: 2147483648 MESSAGE"), 400},
		{"Max-Forwards is no number", ann.request("MESSAGE", uri, "bob", "Max-Forwards: many"), 400},
		{"body too short", ann.request("MESSAGE", uri, "bob", "Content-Length: 9"), 400},
		{"scheme", ann.request("MESSAGE", "tel:+1", "bob"), 416},
		{"URI", ann.request("MESSAGE", "sip:@", "bob"), 400},
		{"hops", ann.request("MESSAGE", uri, "bob", "Max-Forwards: 0"), 483},
		{"extension", ann.request("MESSAGE", uri, "bob", "Proxy-Require: foo"), 420},
		{"headers", ann.request("MESSAGE", uri, "bob", strings.Repeat("A: b\r\n", 200)+"B: c"), 513},
		{"spoofed From", ann.request("MESSAGE", uri, "bob", "From: <sip:bob@x>;tag=1"), 403},
		{"foreign route", ann.request("MESSAGE", uri, "bob", "Route: <sip:elsewhere.example;lr>"), 403},
		{"nobody", ann.request("MESSAGE", "sip:nobody@x", "nobody"), 404},
		{"contact of before", ann.request("MESSAGE", "sip:bob@gone.invalid", "bob"), 480},
		{"forged token", ann.request("BYE", "sip:bob@gone.invalid", "bob", "Route: <sip:"+strings.Repeat("0", 44)+"@"+ourHost+";lr>"), 430},
		{"CANCEL of nothing", ann.request("CANCEL", uri, "bob"), 481},
		{"for the server", ann.request("MESSAGE", "sip:x", "x"), 405},
	} {
		ann.send(c.text)
		if m := ann.read(); m.Status != c.want {
			t.Errorf("%s: got\n%s\nwant %d", c.name, m.Bytes(), c.want)
		}
	}
	bob.nothing()
	if st := s.a.Stats(); st.Dropped["malformed"] == 0 || st.Relayed != 0 {
		t.Errorf("stats: %+v", st)
	}
}

// TestCall: INVITE, answer, ACK, re-INVITE, INFO, BYE along the recorded route; both sides hang together by it alone.
func TestCall(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	ann, bob := s.registered("ann"), s.registered("bob")
	ann.send(ann.request("INVITE", "sip:bob@x", "bob", "Contact: <sip:ann@c.invalid>", "P-Asserted-Identity: <sip:eve@x>", "X-Own: ü;a=\"b;c\""))
	ann.expect(100)
	q := bob.asked("INVITE")
	if q.URI != "sip:bob@c.invalid;transport=ws" || q.Get("Max-Forwards") != "69" || len(q.All("Via")) != 2 || q.Get("X-Own") != "ü;a=\"b;c\"" {
		t.Errorf("relayed: %s", q.Bytes())
	}
	if got := q.All("P-Asserted-Identity"); len(got) != 1 || got[0] != "<sip:ann@x>" {
		t.Errorf("identity: %q", got)
	}
	bob.answer(q, 180)
	ann.expect(180)
	bob.answer(q, 200, "Contact", "<sip:bob@c.invalid;transport=ws>")
	ok := ann.expect(200)
	if len(ok.All("Via")) != 1 || len(ok.All("Record-Route")) != 1 {
		t.Errorf("answer: %s", ok.Bytes())
	}
	route := "Route: " + ok.Get("Record-Route")
	const contact, dialog = "sip:bob@c.invalid;transport=ws", "To: <sip:bob@x>;tag=tag-bob"
	ann.send(ann.request("ACK", contact, "bob", route, dialog, "CSeq: 1 ACK"))
	if ack := bob.asked("ACK"); ack.Get("Route") != "" {
		t.Errorf("our Route is left: %s", ack.Bytes())
	}
	for _, method := range []string{"INVITE", "INFO", "UPDATE", "REFER", "NOTIFY"} {
		ann.send(ann.request(method, contact, "bob", route, dialog))
		if method == "INVITE" {
			ann.expect(100)
		}
		q = bob.asked(method)
		if q.Get("Record-Route") != "" {
			t.Errorf("recorded within a dialog: %s", q.Bytes())
		}
		bob.answer(q, 200)
		ann.expect(200)
	}
	eve := s.registered("eve")
	eve.send(eve.request("BYE", "sip:bob@none.invalid", "bob", route, dialog)) // not hers
	eve.expect(430)
	bob.send(bob.request("BYE", "sip:ann@c.invalid", "ann", "To: <sip:ann@x>;tag=ann", "From: <sip:bob@x>;tag=tag-bob", route))
	ann.answer(ann.asked("BYE"), 200)
	bob.expect(200)
	s.clock.pass(timerB + time.Second)
	s.until("nothing is left", func() bool { return s.pending() == 0 })
}

// TestForking: the answer of one device ends the ringing of the others; of refusals the best counts.
func TestForking(t *testing.T) {
	ring := func(t *testing.T) (ann, one, two *phone, q1, q2 *message.Message) {
		s := newStand(t, front.Config{}, Options{})
		ann = s.registered("ann")
		one = s.registered("bob", "Contact: <sip:one@c.invalid>")
		two = s.registered("bob", "Contact: <sip:two@c.invalid>")
		ann.send(ann.request("INVITE", "sip:bob@x", "bob"))
		ann.expect(100)
		q1, q2 = one.asked("INVITE"), two.asked("INVITE")
		one.answer(q1, 180)
		two.answer(q2, 180)
		ann.expect(180)
		ann.expect(180)
		return ann, one, two, q1, q2
	}
	gone := func(p *phone, q *message.Message) {
		c := p.asked("CANCEL")
		if c.Get("Via") != q.Get("Via") || c.URI != q.URI {
			t.Errorf("CANCEL: %s", c.Bytes())
		}
		p.answer(c, 200)
		p.answer(q, 487)
		p.asked("ACK")
	}
	t.Run("answered", func(t *testing.T) {
		ann, one, two, q1, q2 := ring(t)
		one.answer(q1, 200)
		ann.expect(200)
		gone(two, q2)
		ann.nothing()
	})
	t.Run("busy, then answered", func(t *testing.T) {
		ann, one, two, q1, q2 := ring(t)
		one.answer(q1, 486)
		one.asked("ACK")
		ann.nothing()
		two.answer(q2, 200)
		ann.expect(200)
	})
	t.Run("busy and away", func(t *testing.T) {
		ann, one, two, q1, q2 := ring(t)
		one.answer(q1, 480)
		two.answer(q2, 486)
		ann.expect(486)
	})
	t.Run("declined everywhere", func(t *testing.T) {
		ann, one, two, q1, q2 := ring(t)
		one.answer(q1, 603)
		one.asked("ACK")
		gone(two, q2)
		ann.expect(603)
	})
	t.Run("cancelled", func(t *testing.T) {
		ann, one, two, q1, q2 := ring(t)
		ann.seq-- // CANCEL has the branch of its INVITE
		ann.send(ann.request("CANCEL", "sip:bob@x", "bob"))
		ann.expect(200)
		gone(one, q1)
		gone(two, q2)
		ann.expect(487)
	})
	t.Run("the caller is gone", func(t *testing.T) {
		ann, one, two, q1, q2 := ring(t)
		_ = ann.ws.CloseNow()
		gone(one, q1)
		gone(two, q2)
	})
	t.Run("the callees are gone", func(t *testing.T) {
		ann, one, two, _, _ := ring(t)
		_ = one.ws.CloseNow()
		_ = two.ws.CloseNow()
		ann.expect(480)
	})
}

// TestTimers: nobody answers.
func TestTimers(t *testing.T) {
	for _, c := range []struct {
		name, method string
		rings        bool
		wait         time.Duration
	}{
		{"B", "INVITE", false, timerB}, {"C", "INVITE", true, timerC}, {"F", "MESSAGE", false, timerF},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, front.Config{}, Options{})
			ann, bob := s.registered("ann"), s.registered("bob")
			ann.send(ann.request(c.method, "sip:bob@x", "bob"))
			if c.method == "INVITE" {
				ann.expect(100)
			}
			q := bob.asked(c.method)
			if c.rings {
				bob.answer(q, 180)
				ann.expect(180)
			}
			s.clock.pass(c.wait - time.Second)
			ann.nothing()
			s.clock.pass(2 * time.Second)
			if c.rings {
				bob.asked("CANCEL")
				s.clock.pass(timerB + time.Second)
			}
			ann.expect(408)
			s.clock.pass(timerB + time.Second)
			s.until("nothing is left", func() bool { return s.pending() == 0 })
			bob.answer(q, 200) // too late
			ann.nothing()
			s.until("counted", func() bool { return s.a.Stats().Dropped["stray"] == 1 })
		})
	}
}

// TestAnswersOfOthers: a response counts only from who was asked, and cannot say whom it is for.
func TestAnswersOfOthers(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	ann, bob, eve := s.registered("ann"), s.registered("bob"), s.registered("eve")
	ann.send(ann.request("MESSAGE", "sip:bob@x", "bob"))
	q := bob.asked("MESSAGE")
	eve.answer(q, 200)
	eve.nothing()
	r := q.Respond(200, "OK", "t")
	r.Headers = r.Headers[:1] // only our Via is true
	for _, h := range []string{"Via: SIP/2.0/WS eve.invalid;branch=z9hG4bK1", "From: <sip:eve@x>;tag=1", "To: <sip:bob@x>;tag=2", "Call-ID: " + q.Get("Call-ID"), "CSeq: " + q.Get("CSeq")} {
		name, value, _ := strings.Cut(h, ": ")
		r.Add(name, value)
	}
	bob.send(string(r.Bytes()))
	got := ann.expect(200)
	if got.Get("From") != "<sip:ann@x>;tag=ann" || !strings.Contains(got.Get("Via"), "ann.invalid") || len(got.All("Via")) != 1 {
		t.Errorf("%s", got.Bytes())
	}
}

func TestLoop(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	ann, bob := s.registered("ann"), s.registered("bob", "Contact: <sip:bob@x>") // a contact that leads back here
	ann.send(ann.request("MESSAGE", "sip:bob@x", "bob"))
	q := bob.asked("MESSAGE")
	q.Prepend("Via", "SIP/2.0/WS bob.invalid;branch=z9hG4bKloop")
	q.Set("From", "<sip:bob@x>;tag=ann")
	bob.send(string(q.Bytes()))
	bob.expect(482)
}

func TestKeepAlive(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	p := s.dial("ann")
	p.send("\r\n")
	p.send("\r\n\r\n")
	if _, data, err := p.ws.Read(p.ctx); err != nil || string(data) != "\r\n" {
		t.Errorf("pong: %q, %v", data, err)
	}
}

// TestHandshake: subprotocol, origin, and a silent TCP client that delays nobody.
func TestHandshake(t *testing.T) {
	s := newStand(t, front.Config{Origins: []string{"https://app.example.org"}}, Options{})
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for _, c := range []struct {
		origin, protocol string
		want             int
	}{
		{"", "", 400}, {"", "xmpp", 400}, {"https://evil.example.org", "sip", 403},
		{"https://app.example.org", "sip", 101}, {"", "sip", 101}, {s.url, "xmpp, sip", 101},
	} {
		h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
		if c.protocol != "" {
			h.Set("Sec-WebSocket-Protocol", c.protocol)
		}
		if c.origin != "" {
			h.Set("Origin", strings.TrimSuffix(c.origin, "/sip"))
		}
		req, _ := http.NewRequest(http.MethodGet, s.url, nil)
		req.Header = h
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.want || c.want == 101 && res.Header.Get("Sec-Websocket-Protocol") != "sip" {
			t.Errorf("%+v: %s, %q", c, res.Status, res.Header.Get("Sec-Websocket-Protocol"))
		}
	}
}

// TestSlowReader: who does not read is closed, and the others go on.
func TestSlowReader(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 1e6, Burst: 1e6}}, Options{})
	bob := s.registered("bob")
	body := strings.Repeat("x", 60_000)
	for i := 0; s.a.Stats().Socket.Ended["slow"] == 0; i++ {
		if i > 2000 {
			t.Fatal("the queue has no end")
		}
		ann := s.registered("ann", "Call-ID: x"+time.Now().String())
		for range 30 {
			ann.send(strings.TrimSuffix(ann.request("MESSAGE", "sip:bob@x", "bob"), "\r\n") + "\r\n" + body)
		}
		_ = ann.ws.CloseNow()
	}
	if code := bob.ended(); code != closePolicy && code != -1 {
		t.Errorf("close code %d", code)
	}
	cid := s.registered("cid")
	cid.nothing()
	s.until("bob is gone", func() bool { s.a.mu.Lock(); defer s.a.mu.Unlock(); return len(s.a.users["bob@x"]) == 0 })
}

// TestIdle reports what a registered client costs that does nothing.
func TestIdle(t *testing.T) {
	const n = 1000
	s := newStand(t, front.Config{Limits: front.Limits{Pending: n}}, Options{})
	held := func() uint64 {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := held()
	phones := make([]*phone, n)
	for i := range phones {
		name := "u" + string(rune('a'+i/676)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26))
		phones[i] = s.registered(name)
	}
	t.Logf("%d registered clients, both sides in this process: %d bytes each", n, (held()-before)/n)
	if st := s.a.Stats(); st.Clients != n {
		t.Errorf("%d clients", st.Clients)
	}
	phones[0].nothing()
	for _, p := range phones {
		_ = p.ws.CloseNow()
	}
	s.until("all are gone", func() bool {
		s.a.mu.Lock()
		defer s.a.mu.Unlock()
		return len(s.a.users)+len(s.a.points)+len(s.a.flows) == 0
	})
}
