package easyrtc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"veche.example/internal/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// stand is a front-end behind a web server.
type stand struct {
	t   testing.TB
	a   *Adapter
	url string
}

func newStand(t testing.TB, c front.Config, o Options) *stand {
	t.Helper()
	a := New(c, o)
	web := httptest.NewServer(a)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.CloseClientConnections()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &stand{t, a, web.URL + "/socket.io/"}
}

// peer is a client by hand.
type peer struct {
	t    testing.TB
	ctx  context.Context
	id   string
	ws   *websocket.Conn // nil = it polls
	poll string          // the address with the session's id
	got  []string        // packets of a poll
	next int             // acknowledgement
	kept []any           // events that came before an acknowledgement
}

// anyMap is JSON.
type anyMap = map[string]any

// connect opens a WebSocket and the connection of Socket.IO in it.
func (s *stand) connect() *peer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ws, resp, err := websocket.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+"?EIO=4&transport=websocket", nil)
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(-1)
	s.t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	p := &peer{t: s.t, ctx: ctx, ws: ws}
	p.handshake()
	return p
}

// connectPolling is connect by polling only.
func (s *stand) connectPolling() *peer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	p := &peer{t: s.t, ctx: ctx, poll: s.url + "?EIO=4&transport=polling"}
	p.handshake()
	return p
}

func (p *peer) handshake() {
	p.t.Helper()
	var hello struct{ SID string }
	if first := p.read(); first[0] != '0' || json.Unmarshal([]byte(first[1:]), &hello) != nil {
		p.t.Fatalf("handshake: %s", first)
	}
	if p.ws == nil {
		p.poll += "&sid=" + hello.SID
	}
	p.send("40")
	if got := p.read(); !strings.HasPrefix(got, `40{"sid":"`) {
		p.t.Fatalf("connect: %s", got)
	}
}

func (p *peer) request(method, body string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.ctx, method, p.poll, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s %v", method, res.StatusCode, text, err)
	}
	return string(text)
}

func (p *peer) send(packet string) {
	p.t.Helper()
	if p.ws == nil {
		p.request(http.MethodPost, packet)
		return
	}
	if err := p.ws.Write(p.ctx, websocket.MessageText, []byte(packet)); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// read returns the next packet but pings, which it answers.
func (p *peer) read() string {
	p.t.Helper()
	for {
		got := ""
		if p.ws != nil {
			_, data, err := p.ws.Read(p.ctx)
			if err != nil {
				p.t.Fatalf("read: %v", err)
			}
			got = string(data)
		} else {
			for len(p.got) == 0 {
				p.got = strings.Split(p.request(http.MethodGet, ""), "\x1e")
			}
			got, p.got = p.got[0], p.got[1:]
		}
		if got != "2" {
			return got
		}
		p.send("3")
	}
}

// ended reads to the end of a WebSocket: the last message but "41", and the reason of the close frame.
func (p *peer) ended() (last string, why string) {
	p.t.Helper()
	for {
		_, data, err := p.ws.Read(p.ctx)
		if err != nil {
			if p.ctx.Err() != nil {
				p.t.Fatal("the connection stays open")
			}
			var said websocket.CloseError
			_ = errors.As(err, &said)
			return last, said.Reason
		}
		if string(data) != "41" {
			last = string(data)
		}
	}
}

// event reads the next event: its name and value.
func (p *peer) event() (string, anyMap) {
	p.t.Helper()
	if len(p.kept) > 0 {
		pair := p.kept[0].([]any)
		p.kept = p.kept[1:]
		return pair[0].(string), pair[1].(anyMap)
	}
	got := p.read()
	var pair []any
	if !strings.HasPrefix(got, "42[") || json.Unmarshal([]byte(got[2:]), &pair) != nil || len(pair) != 2 {
		p.t.Fatalf("got %s, want an event", got)
	}
	return pair[0].(string), pair[1].(anyMap)
}

// ask sends an event and returns its acknowledgement; events that come before it are kept.
func (p *peer) ask(event, value string) anyMap {
	p.t.Helper()
	p.next++
	p.send(fmt.Sprintf(`42%d["%s",%s]`, p.next, event, value))
	for {
		got := p.read()
		if rest, ok := strings.CutPrefix(got, fmt.Sprintf("43%d", p.next)); ok {
			var list []anyMap
			if json.Unmarshal([]byte(rest), &list) != nil || len(list) != 1 {
				p.t.Fatalf("acknowledgement: %s", got)
			}
			return list[0]
		}
		var pair []any
		if !strings.HasPrefix(got, "42[") || json.Unmarshal([]byte(got[2:]), &pair) != nil {
			p.t.Fatalf("got %s, want an acknowledgement", got)
		}
		p.kept = append(p.kept, any(pair))
	}
}

// auth authenticates with more of msgData, and returns the answer.
func (p *peer) auth(application, more string) anyMap {
	p.t.Helper()
	if more != "" {
		more = "," + more
	}
	out := p.ask("easyrtcAuth", `{"msgType":"authenticate","msgData":{"apiVersion":"2.1.8","applicationName":"`+application+`","setUserCfg":{"p2pList":{}}`+more+`}}`)
	p.id, _ = dig(out, "msgData", "easyrtcid").(string)
	return out
}

// enter is connect and auth, which must work.
func (s *stand) enter(application, more string) *peer {
	s.t.Helper()
	p := s.connect()
	p.mustAuth(application, more)
	return p
}

func (p *peer) mustAuth(application, more string) anyMap {
	p.t.Helper()
	out := p.auth(application, more)
	if out["msgType"] != "token" || len(p.id) != 16 {
		p.t.Fatalf("auth: %v", out)
	}
	return out
}

// dig is what is inside of JSON.
func dig(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(anyMap)
		v = m[name]
	}
	return v
}

func (p *peer) cmd(value string) anyMap { p.t.Helper(); return p.ask("easyrtcCmd", value) }
func (p *peer) msg(value string) anyMap { p.t.Helper(); return p.ask("easyrtcMsg", value) }

// wants checks an error code.
func wants(t testing.TB, what string, got anyMap, want code) {
	t.Helper()
	if got["msgType"] != "error" || dig(got, "msgData", "errorCode") != string(want) || got["serverTime"] == nil || dig(got, "msgData", "errorText") == "" {
		t.Errorf("%s: %v, want %s", what, got, want)
	}
}

// expect reads the next event, which must have these members and others of no interest.
func (p *peer) expect(event string, want anyMap) anyMap {
	p.t.Helper()
	name, got := p.event()
	if name != event {
		p.t.Fatalf("event %s %v, want %s", name, got, event)
	}
	for key, value := range want {
		if !reflect.DeepEqual(got[key], value) {
			p.t.Fatalf("%s: %s is %v, want %v", event, key, got[key], value)
		}
	}
	return got
}

// room reads the next event, which must be about a room: who has come or changed, who has left.
func (p *peer) room(name, update, remove string) anyMap {
	p.t.Helper()
	got := p.expect("easyrtcCmd", anyMap{"msgType": "roomData", "easyrtcid": p.id})
	d := dig(got, "msgData", "roomData", name, "clientListDelta")
	up, _ := dig(d, "updateClient").(anyMap)
	gone, _ := dig(d, "removeClient").(anyMap)
	if (update != "") != (up[update] != nil) || (remove != "") != (gone[remove] != nil) || len(up)+len(gone) != 1 {
		p.t.Fatalf("%v, want update %q remove %q", got, update, remove)
	}
	e, _ := up[update].(anyMap)
	return e
}

// nothing proves that nothing has come: the next thing that comes is an answer.
func (p *peer) nothing() {
	p.t.Helper()
	if len(p.kept) > 0 {
		p.t.Fatalf("there is %v", p.kept)
	}
	if out := p.cmd(`{"msgType":"stillAlive"}`); out["msgType"] != "ack" || len(p.kept) > 0 {
		p.t.Fatalf("%v, before it %v", out, p.kept)
	}
}

// until waits for what the server is about to notice.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
	}
}
