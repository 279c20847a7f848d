package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/signal/sip/digest"
	"veche.example/internal/signal/sip/message"
)

// TestRegister: what becomes of registrations, request by request on one connection.
func TestRegister(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	p := s.dial("ann")
	const a, b = "Contact: <sip:a@c.invalid>", "Contact: <sip:b@c.invalid>"
	for _, c := range []struct {
		name     string
		more     []string
		want     int
		contacts string // what the answer lists
	}{
		{"query", nil, 200, ""},
		{"first", []string{a}, 200, "<sip:a@c.invalid>;expires=3600"},
		{"refresh", []string{a + ";expires=120"}, 200, "<sip:a@c.invalid>;expires=120"},
		{"parameter before header", []string{a + ";expires=90", "Expires: 300"}, 200, "<sip:a@c.invalid>;expires=90"},
		{"second", []string{b + ";q=0.5", "Expires: 300"}, 200, "<sip:a@c.invalid>;expires=90 <sip:b@c.invalid>;q=0.5;expires=300"},
		{"query again", nil, 200, "<sip:a@c.invalid>;expires=90 <sip:b@c.invalid>;q=0.5;expires=300"},
		{"too brief", []string{a, "Expires: 30"}, 423, ""},
		{"too long", []string{a, "Expires: 99999999999999"}, 400, ""},
		{"long", []string{a, "Expires: 4294967295"}, 200, "<sip:b@c.invalid>;q=0.5;expires=300 <sip:a@c.invalid>;expires=7200"},
		{"one ends", []string{a, "Expires: 0"}, 200, "<sip:b@c.invalid>;q=0.5;expires=300"},
		{"all or nothing", []string{a, b + ";expires=5"}, 423, ""},
		{"* alone", []string{"Contact: *"}, 400, ""},
		{"* and more", []string{"Contact: *, <sip:a@c.invalid>", "Expires: 0"}, 400, ""},
		{"old CSeq", []string{b, "CSeq: 1 REGISTER"}, 500, ""},
		{"* with an old CSeq", []string{"Contact: *", "Expires: 0", "CSeq: 1 REGISTER"}, 500, ""},
		{"all end", []string{"Contact: *", "Expires: 0"}, 200, ""},
		{"no contact", []string{"Contact: <nobody>"}, 400, ""},
		{"for others", []string{a, "To: <sip:bob@x>"}, 403, ""},
		{"extension", []string{a, "Require: foo"}, 420, ""},
		{"bad q", []string{a + ";q=2"}, 400, ""},
		{"bad reg-id", []string{a + `;reg-id=x;+sip.instance="<urn:uuid:1>"`, "Supported: outbound"}, 400, ""},
		{"a hop without outbound", []string{a + `;reg-id=1;+sip.instance="<urn:uuid:1>"`, "Supported: outbound", "Via: SIP/2.0/WS hop.invalid;branch=z9hG4bK1"}, 439, ""},
	} {
		p.send(p.request("REGISTER", "sip:x", "ann", c.more...))
		m := p.read()
		if got := strings.Join(m.All("Contact"), " "); m.Status != c.want || got != c.contacts {
			t.Errorf("%s: %d %q, want %d %q", c.name, m.Status, got, c.want, c.contacts)
		}
		if c.want == 423 && m.Get("Min-Expires") != "60" {
			t.Errorf("%s: %s", c.name, m.Bytes())
		}
	}
	for i := range maxContacts + 1 {
		p.send(p.request("REGISTER", "sip:x", "ann", fmt.Sprintf("Contact: <sip:%d@c.invalid>", i)))
		want := 200
		if i == maxContacts {
			want = 403
		}
		p.expect(want)
	}
}

func TestRegistrationExpires(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	ann := s.registered("ann")
	s.registered("bob", "Expires: 60")
	s.clock.pass(61 * time.Second)
	ann.send(ann.request("MESSAGE", "sip:bob@x", "bob"))
	ann.expect(404)
}

// TestComingBack: the same instance by a new connection takes the place of the old one, and calls go on.
func TestComingBack(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	const contact = `Contact: <sip:b@c.invalid>;reg-id=1;+sip.instance="<urn:uuid:1>"`
	ann := s.registered("ann")
	old := s.registered("bob", contact, "Supported: outbound, path")
	ann.send(ann.request("INVITE", "sip:bob@x", "bob"))
	ann.expect(100)
	old.answer(old.asked("INVITE"), 200)
	route := "Route: " + ann.expect(200).Get("Record-Route")
	fresh := s.registered("bob", contact, "Supported: outbound, path", "Call-ID: another")
	old.ended()
	ann.send(ann.request("BYE", "sip:b@c.invalid", "bob", route, "To: <sip:bob@x>;tag=1"))
	fresh.answer(fresh.asked("BYE"), 200)
	ann.expect(200)
	ann.send(ann.request("MESSAGE", "sip:bob@x", "bob")) // once, not twice
	fresh.answer(fresh.asked("MESSAGE"), 200)
	ann.expect(200)
	fresh.send(fresh.request("INFO", "sip:ann@c.invalid", "ann", route, "From: <sip:bob@x>;tag=1", "To: <sip:ann@x>;tag=ann"))
	ann.answer(ann.asked("INFO"), 200)
	fresh.expect(200)
}

func hexMD5(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }

func hexSHA(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }

// credentials answers a challenge as a client does.
func credentials(challenge, user, password, method, uri, nc string) string {
	_, w, err := message.Words(challenge)
	if err != nil {
		return ""
	}
	h := hexMD5
	if w["algorithm"] == "SHA-256" {
		h = hexSHA
	}
	response := h(h(user+":"+w["realm"]+":"+password) + ":" + w["nonce"] + ":" + nc + ":c:auth:" + h(method+":"+uri))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s, qop=auth, nc=%s, cnonce="c", response="%s"`,
		user, w["realm"], w["nonce"], uri, w["algorithm"], nc, response)
}

func TestDigest(t *testing.T) {
	s := newStand(t, front.Config{Authorize: func(string, string) (front.Grant, error) { return front.Grant{}, front.ErrDenied }}, Options{
		Domains: []string{"x"},
		Users: map[string]digest.Secret{
			"ann": {Password: "pa:ss"}, "bob@x": {HA1: strings.ToUpper(hexMD5("bob:veche:b")), HA1SHA256: hexSHA("bob:veche:b")}, "cid": {Password: "c"},
		},
	})
	calls := 0
	try := func(p *phone, algorithm int, user, password, nc string) *message.Message {
		t.Helper()
		calls++
		p.send(p.request("REGISTER", "sip:x", p.name, "Contact: <sip:"+p.name+"@c.invalid>"))
		asked := p.expect(401).All("WWW-Authenticate")
		if len(asked) != 2 || !strings.Contains(asked[0], "algorithm=MD5") || !strings.Contains(asked[1], "algorithm=SHA-256") {
			t.Fatalf("challenges: %q", asked)
		}
		answer := "Authorization: " + credentials(asked[algorithm], user, password, "REGISTER", "sip:x", nc)
		p.send(p.request("REGISTER", "sip:x", p.name, "Contact: <sip:"+p.name+"@c.invalid>", answer, fmt.Sprintf("Call-ID: %d", calls)))
		return p.read()
	}
	for _, c := range []struct {
		name, user, password string
		want                 int
	}{
		{"ann", "ann", "pa:ss", 200}, {"bob", "bob", "b", 200}, {"ann", "ann", "wrong", 401}, {"ann", "bob", "b", 401}, {"eve", "eve", "", 401}, {"eve", "ann", "pa:ss", 401},
	} {
		for algorithm := range 2 {
			if m := try(s.dial(c.name), algorithm, c.user, c.password, "00000001"); m.Status != c.want {
				t.Errorf("%+v, algorithm %d: %s", c, algorithm, m.Bytes())
			}
		}
	}
	// counts do not repeat, nonces grow old, and are good on their own connection only
	p := s.dial("ann")
	p.send(p.request("REGISTER", "sip:x", "ann"))
	challenge := p.expect(401).Get("WWW-Authenticate")
	with := func(p *phone, nc string) string {
		return p.request("REGISTER", "sip:x", "ann", "Authorization: "+credentials(challenge, "ann", "pa:ss", "REGISTER", "sip:x", nc))
	}
	p.send(with(p, "00000001"))
	p.expect(200)
	for _, c := range []struct {
		p    *phone
		nc   string
		wait time.Duration
	}{{p, "00000001", 0}, {s.dial("ann"), "00000002", 0}, {p, "00000002", time.Hour}} {
		s.clock.pass(c.wait)
		c.p.send(with(c.p, c.nc))
		if m := c.p.expect(401); !strings.Contains(m.Get("WWW-Authenticate"), "stale=true") {
			t.Errorf("%s", m.Bytes())
		}
	}
	// calls of who has not registered, of others, to who is not there, to domains that are not ours
	q := s.dial("cid")
	q.send(q.request("MESSAGE", "sip:bob@x", "bob"))
	challenge = q.expect(407).Get("Proxy-Authenticate")
	q.send(q.request("MESSAGE", "sip:dan@x", "dan", "Proxy-Authorization: "+credentials(challenge, "cid", "c", "MESSAGE", "sip:dan@x", "00000001")))
	q.expect(404)
	for uri, want := range map[string]int{"sip:cid@x": 480, "sip:dan@x": 404, "sip:bob@elsewhere": 403} {
		q.send(q.request("MESSAGE", uri, "bob"))
		q.expect(want)
	}
	q.send(q.request("REGISTER", "sip:elsewhere", "cid"))
	q.expect(404)
	q.send(q.request("MESSAGE", "sip:bob@x", "bob", "From: <sip:ann@x>;tag=1"))
	q.expect(407)
	// guessing comes to an end
	g := s.dial("ann")
	for range maxFailures - 1 {
		if m := try(g, 0, "ann", "guess", "00000001"); m.Status != 401 {
			t.Fatalf("%s", m.Bytes())
		}
	}
	if m := try(g, 0, "ann", "guess", "00000001"); m.Status != 403 {
		t.Errorf("%s", m.Bytes())
	}
	if code := g.ended(); code != closePolicy {
		t.Errorf("close code %d", code)
	}
}

// TestToken: a token in the URL of the WebSocket is as good as a password.
func TestToken(t *testing.T) {
	s := newStand(t, front.Config{Authorize: func(token, space string) (front.Grant, error) {
		if token == "good" && space == "veche" {
			return front.Grant{Identity: "ann"}, nil
		}
		return front.Grant{}, front.ErrDenied
	}}, Options{})
	base := s.url
	s.url = base + "?token=bad"
	if code := s.dial("ann").ended(); code != closePolicy {
		t.Errorf("close code %d", code)
	}
	s.url = base + "?token=good"
	s.registered("ann")
	eve := s.dial("eve")
	eve.send(eve.request("REGISTER", "sip:x", "eve"))
	eve.expect(403)
}

// TestICE: registered clients are told STUN and TURN servers, with credentials of their own.
func TestICE(t *testing.T) {
	s := newStand(t, front.Config{ICE: func(r *http.Request, client string) []front.ICEServer {
		return []front.ICEServer{{URLs: []string{"turn:" + r.Host + "?transport=udp"}, Username: client, Credential: "c"}}
	}}, Options{})
	p := s.dial("ann")
	for contact, want := range map[string]string{
		"Contact: <sip:a@c.invalid>":           `[{"urls":["turn:` + p.host + `?transport=udp"],"username":"ann@x","credential":"c"}]`,
		"Contact: <sip:a@c.invalid>;expires=0": "",
	} {
		p.send(p.request("REGISTER", "sip:x", "ann", contact))
		if got := p.expect(200).Get("X-ICE-Servers"); got != want {
			t.Errorf("%s: %s, want %s", contact, got, want)
		}
	}
}

// TestNamesThatNeedTheirPassword: where all is open, who has a secret needs it still.
func TestNamesThatNeedTheirPassword(t *testing.T) {
	s := newStand(t, front.Config{}, Options{Users: map[string]digest.Secret{"boss": {Password: "b"}}})
	ann := s.registered("ann")
	eve := s.dial("eve")
	eve.send(eve.request("REGISTER", "sip:x", "boss", "From: <sip:boss@x>;tag=1", "Contact: <sip:b@c.invalid>"))
	eve.expect(401)
	eve.send(eve.request("MESSAGE", "sip:ann@x", "ann", "From: <sip:b%6fss@x>;tag=1"))
	eve.expect(407)
	eve.send(eve.request("MESSAGE", "sip:ann@x", "ann", "From: <sip:ann@x>;tag=1"))
	eve.expect(403) // she is registered elsewhere
	ann.nothing()
}
