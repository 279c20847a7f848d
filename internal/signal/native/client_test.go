package native

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"veche.example/internal/signal/native/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 15 * time.Second

// lab is an adapter on a real port.
type lab struct {
	t   testing.TB
	a   *Adapter
	url string

	closing sync.Once
}

func newLab(t testing.TB, c Config) *lab {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	l := &lab{t: t, a: New(c)}
	web := httptest.NewServer(l.a)
	l.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/ws"
	t.Cleanup(func() {
		l.close()
		web.Close()
	})
	return l
}

func (l *lab) close() {
	l.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := l.a.Close(ctx); err != nil {
			l.t.Errorf("Close: %v", err)
		}
	})
}

// frame is what came, as plain JSON.
type frame map[string]any

func (f frame) str(path ...string) string {
	var v any = map[string]any(f)
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (f frame) num(key string) int {
	n, _ := f[key].(float64)
	return int(n)
}

// client is a well-behaved socket whose frames the test reads one by one.
type client struct {
	t    testing.TB
	ws   *websocket.Conn
	in   chan frame // closed at the end
	code int        // close code, once in is closed

	resume string
	me     string
}

func (l *lab) dial() *client { return l.dialURL(l.url) }

func (l *lab) dialURL(url string) *client {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{proto.Subprotocol}})
	if err != nil {
		l.t.Fatalf("dial: %v", err)
	}
	ws.SetReadLimit(-1)
	c := &client{t: l.t, ws: ws, in: make(chan frame, 1<<14)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.in)
		for {
			_, data, err := ws.Read(context.Background())
			if err != nil {
				c.code = int(websocket.CloseStatus(err))
				return
			}
			var f frame
			if json.Unmarshal(data, &f) != nil || f.str("t") == "" {
				l.t.Errorf("the server sent %.200q", data)
			}
			c.in <- f
		}
	}()
	l.t.Cleanup(func() {
		_ = ws.CloseNow()
		<-done
	})
	return c
}

func (c *client) send(v any) {
	c.t.Helper()
	data, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			c.t.Fatal(err)
		}
		data = string(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, []byte(data)); err != nil {
		c.t.Fatalf("send %.80s: %v", data, err)
	}
}

// next returns the next frame, nil after the last.
func (c *client) next() frame {
	c.t.Helper()
	select {
	case f := <-c.in:
		return f
	case <-time.After(patience):
		c.t.Fatal("no frame came")
		return nil
	}
}

// want returns the next frame, which must be of type typ.
func (c *client) want(typ string) frame {
	c.t.Helper()
	f := c.next()
	if f.str("t") != typ {
		c.t.Fatalf("got %v (close %d), want %s", f, c.code, typ)
	}
	return f
}

// until returns the next frame of type typ and drops those before it.
func (c *client) until(typ string) frame {
	c.t.Helper()
	for {
		f := c.next()
		if f == nil {
			c.t.Fatalf("closed with %d, want %s", c.code, typ)
		}
		if f.str("t") == typ {
			return f
		}
	}
}

func (c *client) wantError(code string, re int) frame {
	c.t.Helper()
	f := c.want("error")
	if f.str("code") != code || f.num("re") != re || f.str("message") == "" {
		c.t.Fatalf("got %v, want error %s to %d", f, code, re)
	}
	return f
}

// wantBye wants a bye and then the close frame that goes with it.
func (c *client) wantBye(code string, closeCode int) {
	c.t.Helper()
	if f := c.want("bye"); f.str("code") != code || f.str("message") == "" {
		c.t.Fatalf("got %v, want bye %s", f, code)
	}
	if f := c.next(); f != nil || c.code != closeCode {
		c.t.Fatalf("got %v, close code %d; want %d", f, c.code, closeCode)
	}
}

func helloOf(room, name string) frame {
	caps := map[string]any{"audio": []string{"opus"}, "video": []string{"vp8"}}
	return frame{
		"t": "hello", "id": 1, "v": []int{1}, "room": room, "name": name, "decode": caps, "encode": caps,
		"state": map[string]bool{"mic": true, "camera": true, "screen": false, "hand": false},
	}
}

func (f frame) with(key string, v any) frame {
	f[key] = v
	return f
}

// join says hello and takes the welcome.
func (c *client) join(hello frame) frame {
	c.t.Helper()
	c.send(hello)
	w := c.want("welcome")
	c.resume, c.me = w.str("resume"), w.str("you", "id")
	return w
}

func (l *lab) join(room, name string) *client {
	l.t.Helper()
	c := l.dial()
	c.join(helloOf(room, name))
	return c
}

// ask sends a request and returns its reply, with the events before it.
func (c *client) ask(req frame) (reply frame, events []frame) {
	c.t.Helper()
	c.send(req)
	for {
		f := c.next()
		if f == nil {
			c.t.Fatalf("closed with %d instead of a reply to %v", c.code, req)
		}
		if _, event := f["n"]; !event || f.str("t") == "welcome" {
			if f.num("re") != req["id"] {
				c.t.Fatalf("got %v as the reply to %v", f, req)
			}
			return f, events
		}
		events = append(events, f)
	}
}

func take[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func show(v any) string { return fmt.Sprintf("%#v", v) }
