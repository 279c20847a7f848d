package engineio

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"veche.example/internal/front"
	"veche.example/internal/wsconn"
)

func TestHandshake(t *testing.T) {
	st := newStand(t, Config{Ping: 20 * time.Second, Timeout: 7 * time.Second, Front: front.Config{Limits: front.Limits{Frame: 1000}}})
	var hello struct {
		SID                                   string
		Upgrades                              []string
		PingInterval, PingTimeout, MaxPayload int
	}
	_, body, h := st.call(http.MethodGet, polling, "", nil)
	if err := json.Unmarshal([]byte(body[1:]), &hello); err != nil || len(hello.SID) != 20 || hello.PingInterval != 20_000 ||
		hello.PingTimeout != 7000 || hello.MaxPayload != 1000 || !slices.Equal(hello.Upgrades, []string{"websocket"}) {
		t.Errorf("%s: %v", body, err)
	}
	if h.Get("Content-Type") != "text/plain; charset=UTF-8" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
	w := st.dial("EIO=4&transport=websocket")
	if got := w.read(); !strings.Contains(got, `"upgrades":[]`) || got[0] != '0' {
		t.Errorf("%s", got)
	}
	if n := st.s.Sessions(); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

// TestRefused: each error of the protocol has its code.
func TestRefused(t *testing.T) {
	st := newStand(t, Config{})
	sid := st.begin()
	for _, c := range []struct {
		method, query, body string
		status              int
		want                string
	}{
		{"GET", "EIO=4", "", 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=carrier-pigeon", "", 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", polling + "&sid=nobody", "", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"POST", polling + "&sid=nobody", "4x", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"GET", "EIO=4&transport=websocket&sid=nobody", "", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"POST", polling, "", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"GET", polling + "&j=0", "", 400, `{"code":3,"message":"Bad request"}`},
		{"PUT", sid, "", 405, `{"code":3,"message":"Bad request"}`},
		{"GET", "EIO=3&transport=polling", "", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "transport=polling", "", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=4&transport=websocket", "", 426, "this is a WebSocket endpoint\n"},
	} {
		if status, body, _ := st.call(c.method, c.query, c.body, nil); status != c.status || body != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.query, status, body)
		}
	}
	st.post(sid, "4still") // nobody else notices
	st.expect(sid, "4still false")
}

func TestPolling(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	st.post(q, "4a\x1e4bc\x1eb"+base64.StdEncoding.EncodeToString([]byte{'x', 'y'}))
	st.expect(q, "4a false\x1e4bc false\x1e4xy true")
	got := make(chan string)
	go func() {
		_, body, _ := st.call(http.MethodGet, q, "", nil)
		got <- body
	}()
	st.waits(q)
	st.post(q, "4später ✓")
	if body := <-got; body != "4später ✓ false" {
		t.Errorf("%q", body)
	}
	st.post(q, "4bye")
	st.expect(q, "4last") // last words wait for the poll, and the end for the next one
	st.expect(q, "1")
	if status, _, _ := st.call(http.MethodGet, q, "", nil); status != http.StatusBadRequest {
		t.Errorf("status %d after the end", status)
	}
	st.ended(0, wsconn.Closed)
	q = st.begin()
	st.post(q, "1")
	st.ended(1, wsconn.Gone)
}

// waits returns when a poll of the session waits.
func (st *stand) waits(q string) {
	st.t.Helper()
	x := st.s.find(q[strings.LastIndexByte(q, '=')+1:])
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		x.mu.Lock()
		waits := x.poll != nil
		x.mu.Unlock()
		if waits {
			return
		}
		if time.Now().After(deadline) {
			st.t.Fatal("no poll waits")
		}
	}
}

// TestPollAnew: the newest poll counts, an older one may be lost with its network.
func TestPollAnew(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	status := make(chan int)
	go func() {
		code, _, _ := st.call(http.MethodGet, q, "", nil)
		status <- code
	}()
	st.waits(q)
	got := make(chan string)
	go func() {
		_, body, _ := st.call(http.MethodGet, q, "", nil)
		got <- body
	}()
	if code := <-status; code != http.StatusBadRequest {
		t.Errorf("the old poll: %d", code)
	}
	st.post(q, "4x")
	if body := <-got; body != "4x false" {
		t.Errorf("%q", body)
	}
}

func TestUpgrade(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	got := make(chan string)
	go func() {
		_, body, _ := st.call(http.MethodGet, q, "", nil)
		got <- body
	}()
	st.waits(q)
	w := st.dial(strings.Replace(q, "polling", "websocket", 1))
	w.send("2probe")
	w.expect("3probe")
	if body := <-got; body != "6" {
		t.Errorf("the poll that waited: %q", body)
	}
	st.expect(q, "6") // and one that was under way
	st.post(q, "4in between")
	other := st.dial(strings.Replace(q, "polling", "websocket", 1))
	if _, code := other.ended(); code != websocket.StatusPolicyViolation {
		t.Errorf("a second WebSocket: %d", code)
	}
	w.send("5")
	w.expect("4in between false")
	w.send("4now")
	w.expect("4now false")
	if err := w.ws.Write(w.ctx, websocket.MessageBinary, []byte("bin")); err != nil {
		t.Fatal(err)
	}
	w.expect("4bin true")
	for _, method := range []string{"GET", "POST"} {
		if status, _, _ := st.call(method, q, "4x", nil); status != http.StatusBadRequest {
			t.Errorf("%s after the upgrade: %d", method, status)
		}
	}
	w.send("4bye")
	if last, code := w.ended(); last != "4last" || code != websocket.StatusNormalClosure {
		t.Errorf("%q %d", last, code)
	}
	st.ended(0, wsconn.Closed)
}

// TestEndInUpgrade: last words reach a client that has stopped polling and is about to use its WebSocket.
func TestEndInUpgrade(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	w := st.dial(strings.Replace(q, "polling", "websocket", 1))
	w.send("2probe")
	w.expect("3probe")
	st.post(q, "4bye")
	st.ended(0, wsconn.Closed)
	w.send("5")
	w.expect("4last")
	w.expect("1")
	if _, code := w.ended(); code == -1 {
		t.Error("no close frame")
	}
	st.gone()
	q = st.begin() // and one that never comes back is forgotten
	w = st.dial(strings.Replace(q, "polling", "websocket", 1))
	w.send("2probe")
	w.expect("3probe")
	st.post(q, "4bye")
	if _, code := w.ended(); code != websocket.StatusPolicyViolation {
		t.Errorf("code %d", code)
	}
	st.gone()
}

// gone waits until there is no session.
func (st *stand) gone() {
	st.t.Helper()
	for deadline := time.Now().Add(patience); st.s.Sessions() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			st.t.Fatal("a session stays")
		}
	}
}

// TestUpgradeFails: the session goes on by polling when the WebSocket comes to nothing.
func TestUpgradeFails(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	for _, bad := range []string{"4hello", "x", ""} {
		w := st.dial(strings.Replace(q, "polling", "websocket", 1))
		w.send(bad)
		if _, code := w.ended(); code != websocket.StatusProtocolError {
			t.Errorf("%q: %d", bad, code)
		}
	}
	w := st.dial(strings.Replace(q, "polling", "websocket", 1))
	w.send("2probe")
	w.expect("3probe")
	_ = w.ws.CloseNow()
	st.post(q, "4x")
	for {
		_, body, _ := st.call(http.MethodGet, q, "", nil)
		if body == "4x false" {
			return
		}
		if body != "6" { // until the end of the WebSocket is noticed
			t.Fatalf("%q", body)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	st := newStand(t, Config{Ping: 50 * time.Millisecond, Timeout: 200 * time.Millisecond})
	w := st.dial("EIO=4&transport=websocket")
	w.read()
	for range 3 {
		w.expect("2")
		w.send("3")
	}
	w.expect("2")
	if last, code := w.ended(); last != "4idle" || code != websocket.StatusGoingAway {
		t.Errorf("%q %d", last, code)
	}
	st.ended(0, wsconn.Idle)
	q := st.begin()
	st.expect(q, "2")
	st.post(q, "3")
	st.expect(q, "2")
	st.ended(1, wsconn.Idle)
}

// TestProbe: a session that is asked for a sign of life and gives none is over before its time.
func TestProbe(t *testing.T) {
	st := newStand(t, Config{Ping: time.Hour, Timeout: time.Hour})
	alive, dead := st.dial("EIO=4&transport=websocket"), st.dial("EIO=4&transport=websocket")
	alive.read()
	dead.read()
	st.mu.Lock()
	list := slices.Clone(st.list)
	st.mu.Unlock()
	for _, h := range list {
		h.x.Probe(300 * time.Millisecond)
	}
	alive.expect("2")
	alive.send("3")
	dead.expect("2")
	st.ended(1, wsconn.Idle)
	alive.send("4x")
	alive.expect("4x false")
}

func TestLogin(t *testing.T) {
	st := newStand(t, Config{Login: 300 * time.Millisecond})
	w := st.dial("EIO=4&transport=websocket")
	w.read()
	w.send("4ready")
	w.send("4x")
	w.expect("4x false")
	late := st.dial("EIO=4&transport=websocket")
	if last, code := late.ended(); last != "4timeout" || code != websocket.StatusPolicyViolation {
		t.Errorf("%q %d", last, code)
	}
	w.send("4y")
	w.expect("4y false")
}

func TestTooBig(t *testing.T) {
	st := newStand(t, Config{Front: front.Config{Limits: front.Limits{Frame: 1000}}})
	q := st.begin()
	st.post(q, "4"+strings.Repeat("x", 999))
	if status, body, _ := st.call(http.MethodPost, q, "4"+strings.Repeat("x", 1000), nil); status != http.StatusRequestEntityTooLarge || body == "" {
		t.Errorf("%d %q", status, body)
	}
	st.ended(0, wsconn.TooBig)
	st.expect(q, "4"+strings.Repeat("x", 999)+" false\x1e4too-big")
	w := st.dial("EIO=4&transport=websocket")
	w.read()
	w.send("4" + strings.Repeat("x", 1000))
	w.expect("4" + strings.Repeat("x", 1000) + " false")
	w.send("4" + strings.Repeat("x", 1001))
	if last, code := w.ended(); last != "4too-big" || code != websocket.StatusMessageTooBig {
		t.Errorf("%q %d", last, code)
	}
}

// TestMalformed: what is no packet ends the session of its sender, with a reason, and no other.
func TestMalformed(t *testing.T) {
	st := newStand(t, Config{Front: front.Config{Limits: front.Limits{Pending: 100}}})
	good := st.begin()
	n := 1
	for _, bad := range []string{"", "x", "4a\x1e", "\x1e", "4\xff\xfe", "b!", "9", "2", "2probe", "5", "0{}", strings.Repeat("4\x1e", maxPackets)} {
		q := st.begin()
		_, _, _ = st.call(http.MethodPost, q, bad, nil)
		st.expect(q, "4protocol")
		st.ended(n, wsconn.Protocol)
		n++
		if len(bad) > 100 || strings.Contains(bad, "\xff") || strings.HasPrefix(bad, "4a") || bad == "b!" {
			continue // of a payload only, or not to be sent as text
		}
		w := st.dial("EIO=4&transport=websocket")
		w.read()
		w.send(bad)
		if last, code := w.ended(); last != "4protocol" || code != websocket.StatusProtocolError {
			t.Errorf("%q: %q %d", bad, last, code)
		}
		n++
	}
	w := st.dial("EIO=4&transport=websocket")
	w.read()
	if err := w.ws.Write(w.ctx, websocket.MessageText, []byte("4\xff")); err != nil {
		t.Fatal(err)
	}
	if _, code := w.ended(); code == -1 || code == websocket.StatusNormalClosure {
		t.Errorf("not UTF-8: %d", code)
	}
	st.post(good, "4x")
	st.expect(good, "4x false")
}

func TestPanic(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	st.post(q, "4panic")
	st.expect(q, "4internal")
	st.ended(0, wsconn.Panic)
}

func TestRate(t *testing.T) {
	st := newStand(t, Config{Front: front.Config{Limits: front.Limits{Rate: 0.001, Burst: 3}}})
	q := st.begin()
	st.post(q, "4a\x1e4b\x1e4c\x1e4d")
	st.expect(q, "4a false\x1e4b false\x1e4c false\x1e4limited")
	st.post(q, strings.Repeat("4x\x1e", offences)+"4x")
	st.ended(0, wsconn.Rate)
}

// TestSlow: who does not fetch loses the session, and is told so by the poll that may still come.
func TestSlow(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	x := st.s.find(q[strings.LastIndexByte(q, '=')+1:])
	big := bytes.Repeat([]byte("4"), 64<<10)
	var err error
	for range queueBytes/len(big) + 1 {
		err = x.Send(big)
	}
	if !errors.Is(err, wsconn.ErrSlow) {
		t.Fatalf("%v", err)
	}
	if err := x.Send(big); !errors.Is(err, wsconn.ErrClosed) {
		t.Errorf("%v", err)
	}
	st.ended(0, wsconn.Slow)
	st.expect(q, "4slow")
}

func TestLimits(t *testing.T) {
	ip := func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Test")) }
	st := newStand(t, Config{Front: front.Config{ClientIP: ip, Limits: front.Limits{PerIP: 2, Pending: 2}}})
	one, two := http.Header{"X-Test": {"2001:db8::1"}}, http.Header{"X-Test": {"2001:db8:0:1::1"}}
	want := func(h http.Header, status int) {
		t.Helper()
		if got, body, _ := st.call(http.MethodGet, polling, "", h); got != status {
			t.Errorf("%d %s, want %d", got, body, status)
		}
	}
	want(one, 200)
	want(http.Header{"X-Test": {"2001:db8::2"}}, 200)
	want(one, 429) // a customer has a /64
	want(two, 200)
	st.mu.Lock()
	first := st.list[0].x
	st.mu.Unlock()
	first.Close(nil, "")
	q := polling + "&sid=" + first.ID()
	if _, body, _ := st.call(http.MethodGet, q, "", one); body != "1" {
		t.Errorf("%q", body)
	}
	want(one, 200)
	full := newStand(t, Config{Front: front.Config{Limits: front.Limits{Connections: 1, Pending: 1000}}})
	for range 1 + spare {
		full.begin()
	}
	if status, _, _ := full.call(http.MethodGet, polling, "", nil); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
}

func TestOrigins(t *testing.T) {
	st := newStand(t, Config{Front: front.Config{Origins: []string{"https://app.example"}}})
	for origin, want := range map[string]int{"https://app.example": 200, "https://evil.example": 403, "null": 403} {
		status, _, h := st.call(http.MethodGet, polling, "", http.Header{"Origin": {origin}})
		if allowed := h.Get("Access-Control-Allow-Origin"); status != want || (want == 200) != (allowed == origin) {
			t.Errorf("%s: %d, allowed %q", origin, status, allowed)
		}
	}
	h := http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Headers": {"content-type"}}
	if status, _, h := st.call(http.MethodOptions, polling, "", h); status != 204 || h.Get("Access-Control-Allow-Methods") != "GET, POST" {
		t.Errorf("preflight: %d %v", status, h)
	}
	_, resp, err := websocket.Dial(t.Context(), st.url+"?EIO=4&transport=websocket", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page: %v", err)
	}
}

// TestClose: everybody is told, polls end, and nobody comes any more.
func TestClose(t *testing.T) {
	st := newStand(t, Config{})
	q := st.begin()
	got := make(chan string)
	go func() {
		_, body, _ := st.call(http.MethodGet, q, "", nil)
		got <- body
	}()
	st.waits(q)
	w := st.dial("EIO=4&transport=websocket")
	w.read()
	done := make(chan error)
	go func() { done <- st.s.Close(context.Background()) }()
	if last, code := w.ended(); last != "4shutdown" || code != websocket.StatusGoingAway {
		t.Errorf("%q %d", last, code)
	}
	if body := <-got; body != "4shutdown" {
		t.Errorf("%q", body)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	st.ended(0, wsconn.Shutdown)
	st.ended(1, wsconn.Shutdown)
	if status, _, _ := st.call(http.MethodGet, polling, "", nil); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
}

// FuzzPayload: whatever a client posts, it is packets of this protocol in valid UTF-8, or an error.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{"4hello", "4a\x1e4b", "bQUJD", "2", "3", "1", "5", "6", "", "\x1e", "4\xff", "b*", "40{}\x1e421[\"e\",{}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := parsePayload(body)
		if err != nil {
			if list != nil {
				t.Fatal("packets besides an error")
			}
			return
		}
		var again [][]byte
		for _, p := range list {
			switch {
			case p.binary && p.kind != Message:
				t.Fatalf("binary %q", p.kind)
			case p.binary:
				again = append(again, base64.StdEncoding.AppendEncode([]byte{binary}, p.data))
			default:
				again = append(again, append([]byte{p.kind}, p.data...))
			}
		}
		second, err := parsePayload(joinPayload(again))
		if err != nil || len(second) != len(list) {
			t.Fatalf("%q is not read again: %v", body, err)
		}
		for i := range list {
			if list[i].kind != second[i].kind || !bytes.Equal(list[i].data, second[i].data) {
				t.Fatalf("%q reads as something else", body)
			}
		}
	})
}
