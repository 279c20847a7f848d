package vtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"veche.example"
	"veche.example/internal/signal/native/proto"
)

// These tests say to a whole server, over a real socket, what no honest client says.

// stranger is a socket that says whatever it likes.
type stranger struct {
	*stand
	ws *websocket.Conn
}

func (s *stand) stranger() *stranger {
	s.t.Helper()
	ws, _, err := websocket.Dial(s.ctx, "ws"+strings.TrimPrefix(s.url, "http")+"/ws", &websocket.DialOptions{Subprotocols: []string{proto.Subprotocol}})
	if err != nil {
		s.t.Fatal(err)
	}
	ws.SetReadLimit(maxFrame)
	s.t.Cleanup(func() { _ = ws.CloseNow() })
	return &stranger{s, ws}
}

const politeHello = `{"t":"hello","id":1,"v":[1],"room":"r","name":"stranger","decode":{"audio":[],"video":[]},"encode":{"audio":[],"video":[]},` +
	`"state":{"mic":false,"camera":false,"screen":false,"hand":false}%s}`

// hello joins; more is further members of the frame.
func (x *stranger) hello(more string) map[string]any {
	x.t.Helper()
	x.say(fmt.Sprintf(politeHello, more))
	return x.next()
}

func (x *stranger) say(text string) {
	x.t.Helper()
	if err := x.ws.Write(x.ctx, websocket.MessageText, []byte(text)); err != nil {
		x.t.Fatal(err)
	}
}

// until is the next frame that is wanted; others are dropped.
func (x *stranger) until(wanted func(map[string]any) bool) map[string]any {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	for {
		_, data, err := x.ws.Read(ctx)
		if err != nil {
			x.t.Fatal(err)
		}
		var f map[string]any
		if err := json.Unmarshal(data, &f); err != nil {
			x.t.Fatal(err)
		}
		if wanted(f) {
			return f
		}
	}
}

// next is the next frame that is not an event.
func (x *stranger) next() map[string]any {
	x.t.Helper()
	return x.until(func(f map[string]any) bool { return f["t"] == "welcome" || f["n"] == nil })
}

// ends wants the bye and the end of the socket.
func (x *stranger) ends(code string) {
	x.t.Helper()
	for f := x.next(); f["t"] != "bye"; f = x.next() {
		if f["t"] != "error" {
			x.t.Fatalf("got %v, want an error or bye %s", f, code)
		}
	}
	if _, _, err := x.ws.Read(x.ctx); websocket.CloseStatus(err) < 1000 {
		x.t.Errorf("after bye %s: %v", code, err)
	}
}

// TestHostileFrames: each is answered by a clear error to the sender and nobody else; the socket stays, and the
// media of the others flows on.
func TestHostileFrames(t *testing.T) {
	s := newStand(t)
	boss := s.stranger()
	if w := boss.hello(""); w["t"] != "welcome" || w["you"].(map[string]any)["role"] != "moderator" {
		t.Fatalf("%v", w)
	}
	p := s.join(Bot{Name: "p", Publish: true})
	w := s.join(Bot{Name: "w", Seats: 1, Watch: true})
	w.sees(0, p.ID(), "live", "live")
	deep := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	for name, c := range map[string]struct{ frame, code string }{
		"nothing":              {``, "bad-json"},
		"malformed":            {`{"t":"ping",`, "bad-json"},
		"two objects":          {`{"t":"ping"}{"t":"ping"}`, "bad-json"},
		"null":                 {`null`, "bad-json"},
		"an array":             {`["ping"]`, "bad-json"},
		"not UTF-8":            {"{\"t\":\"chat\",\"text\":\"\xc3\x28\"}", "bad-json"},
		"deep":                 {`{"t":"ping","x":` + deep + `}`, "bad-json"},
		"deep and never shut":  {`{"t":"ping","x":` + strings.Repeat("[", 50_000), "bad-json"},
		"a member twice":       {`{"t":"ping","t":"end"}`, "bad-json"},
		"no type":              {`{"__proto__":{"t":"ping"}}`, "bad-message"},
		"type null":            {`{"t":null}`, "bad-message"},
		"type __proto__":       {`{"t":"__proto__"}`, "unknown-type"},
		"type constructor":     {`{"t":"constructor"}`, "unknown-type"},
		"an event":             {`{"t":"welcome"}`, "unknown-type"},
		"members null":         {`{"t":"chat","text":null,"to":null}`, "bad-message"},
		"text too long":        {`{"t":"chat","text":"` + strings.Repeat("x", 4001) + `"}`, "bad-message"},
		"a second hello":       {fmt.Sprintf(politeHello, ""), "not-allowed"},
		"SDP that is none":     {`{"t":"offer","pc":1,"sdp":"__proto__","tracks":[],"seats":[]}`, "sdp"},
		"SDP with NUL":         {`{"t":"offer","pc":1,"sdp":"v=0\u0000","tracks":[],"seats":[]}`, "sdp"},
		"candidate too early":  {`{"t":"candidate","pc":1,"candidate":null}`, "bad-message"},
		"candidate too long":   {`{"t":"candidate","pc":1,"candidate":{"candidate":"` + strings.Repeat("x", 1025) + `"}}`, "bad-message"},
		"too many seats":       {`{"t":"view","seats":[{"seat":64,"member":"first","source":"camera","width":1,"height":1,"paused":false}]}`, "bad-message"},
		"chat to nobody":       {`{"t":"chat","text":"x","to":"nobody"}`, "no-member"},
		"chat to __proto__":    {`{"t":"chat","text":"x","to":"__proto__"}`, "no-member"},
		"ring nobody":          {`{"t":"ring","to":"constructor","video":true}`, "no-member"},
		"signal to nobody":     {`{"t":"signal","to":"__proto__","link":"m:1","data":{"close":true}}`, "no-member"},
		"mute nobody":          {`{"t":"mute","member":"toString","source":"mic"}`, "no-member"},
		"remove nobody":        {`{"t":"remove","member":"__proto__"}`, "no-member"},
		"a role for nobody":    {`{"t":"role","member":"__proto__","role":"viewer"}`, "no-member"},
		"a role that is none":  {`{"t":"role","member":"` + w.ID() + `","role":"__proto__"}`, "bad-message"},
		"an unknown call":      {`{"t":"accept","call":"__proto__"}`, "no-call"},
		"an id that is no id":  {`{"t":"remove","member":"a/b"}`, "bad-message"},
		"a file of no size":    {`{"t":"chat","text":"","file":{"name":"x","size":-1,"mime":""}}`, "bad-message"},
		"a request id of null": {`{"t":"ping","id":null}`, "bad-message"},
	} {
		boss.say(c.frame)
		if f := boss.next(); f["t"] != "error" || f["code"] != c.code || f["message"] == "" {
			t.Errorf("%s: got %v, want code %s", name, f, c.code)
		}
	}
	if err := boss.ws.Write(s.ctx, websocket.MessageBinary, []byte(`{"t":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	if f := boss.next(); f["code"] != "bad-json" {
		t.Errorf("a binary frame: %v", f)
	}
	boss.say(`{"t":"ping","id":7,"__proto__":{"id":8},"constructor":null}`)
	if f := boss.next(); f["t"] != "pong" || f["re"] != 7.0 {
		t.Errorf("an honest request: %v", f)
	}
	w.flows(0)
	if now := w.State(); len(now.Members) != 2 || now.You.Role != "speaker" {
		t.Errorf("the others noticed: %+v", now)
	}
}

// TestHostileSockets: what is too big or too much ends its own socket with a named reason.
func TestHostileSockets(t *testing.T) {
	s := newStand(t)
	p := s.join(Bot{Name: "p", Publish: true})
	w := s.join(Bot{Name: "w", Seats: 1, Watch: true})
	for name, c := range map[string]struct{ frame, code string }{
		"a long chat":            {`{"t":"chat","text":"` + strings.Repeat("x", 70_000) + `"}`, "too-big"},
		"a very long offer":      {`{"t":"offer","pc":1,"tracks":[],"seats":[],"sdp":"` + strings.Repeat("x", 600_000) + `"}`, "too-big"},
		"nested without measure": {strings.Repeat("[", 600_000), "too-big"},
	} {
		t.Run(name, func(t *testing.T) {
			x := s.stranger()
			x.hello("")
			go func() { _ = x.ws.Write(s.ctx, websocket.MessageText, []byte(c.frame)) }() // it may not be read to its end
			x.ends(c.code)
		})
	}
	t.Run("no common version", func(t *testing.T) {
		x := s.stranger()
		x.say(strings.Replace(fmt.Sprintf(politeHello, ""), `"v":[1]`, `"v":[2,99]`, 1))
		x.ends("version")
	})
	t.Run("more than the rate", func(t *testing.T) {
		x := s.stranger()
		x.hello("")
		go func() {
			for x.ws.Write(s.ctx, websocket.MessageText, []byte(`{"t":"ready","epoch":1}`)) == nil { // until it is closed
			}
		}()
		limited := 0
		for f := x.next(); f["t"] != "bye"; f = x.next() {
			if f["t"] != "error" || f["code"] != "rate" {
				t.Fatalf("%v", f)
			}
			limited++
		}
		if limited < 99 {
			t.Errorf("closed after %d errors", limited)
		}
	})
	w.sees(0, p.ID(), "live", "live")
	w.flows(0)
}

// TestFullRoom: the limit holds for viewers, moderators' guests and players alike, and a place that is left is free.
func TestFullRoom(t *testing.T) {
	s := newStand(t, func(c *veche.Config) { c.Rooms.MaxMembers = 3 })
	s.join(Bot{Name: "a"})
	s.join(Bot{Name: "b"})
	c := s.join(Bot{Name: "c"})
	for _, more := range []string{"", `,"role":"viewer"`, `,"agent":"bot"`} {
		x := s.stranger()
		if f := x.hello(more); f["t"] != "error" || f["code"] != "full" || f["re"] != 1.0 {
			t.Errorf("%q: %v", more, f)
		}
		x.ends("full")
	}
	if err := c.Leave(s.ctx); err != nil {
		t.Fatal(err)
	}
	if f := s.stranger().hello(""); f["t"] != "welcome" {
		t.Errorf("after one has left: %v", f)
	}
}

// TestSlowReader: who does not read is closed as "slow"; those who write to it and the others are not held up.
func TestSlowReader(t *testing.T) {
	s := newStand(t, func(c *veche.Config) { c.Limits.MessagesPerSecond, c.Limits.Burst = 1_000_000, 1_000_000 })
	boss, other := s.join(Bot{Name: "boss"}), s.stranger()
	other.hello("")
	slow := s.deaf()
	boss.wait("the slow one", func(s State) bool { return len(s.Members) == 2 })
	id := boss.State().Members[1].ID
	p := s.join(Bot{Name: "p", Publish: true})
	w := s.join(Bot{Name: "w", Seats: 1, Watch: true})
	w.sees(0, p.ID(), "live", "live")
	text := strings.Repeat("\u00df", 4000)
	for {
		ctx, cancel := context.WithTimeout(s.ctx, patience)
		_, err := boss.Ask(ctx, proto.Chat{Text: text, To: id})
		cancel()
		if err != nil {
			wantCode(t, err, "no-member") // it is gone
			break
		}
	}
	if f := other.until(func(f map[string]any) bool { return f["t"] == "left" }); f["member"] != id || f["reason"] != "slow" {
		t.Errorf("told %v", f)
	}
	w.flows(0)
	_ = slow.Close()
}

// deaf joins by hand and never reads.
func (s *stand) deaf() net.Conn {
	s.t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(4096) // a smaller one fills sooner, that is all
	hello := fmt.Sprintf(politeHello, "")
	frame := []byte{0x81, 0x80 | 126, byte(len(hello) >> 8), byte(len(hello)), 0, 0, 0, 0} // RFC 6455 §5.2: text, masked by zeros
	_, err = c.Write([]byte("GET /ws HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + proto.Subprotocol + "\r\n\r\n" + string(frame) + hello))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}
