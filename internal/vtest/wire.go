package vtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"veche.example/internal/signal/native/proto"
)

const (
	pingEvery = 10 * time.Second // veche-v1 §2
	maxFrame  = 1 << 20          // bytes of a frame of the server
)

// ErrClosed: the socket is gone.
var ErrClosed = errors.New("vtest: the socket is closed")

// Error is an error frame of the server, with a code of veche-v1 §6.
type Error struct{ Code, Message string }

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// frame is any frame of the server; Type says which.
type frame struct {
	Type string `json:"t"`
	N    uint64 `json:"n"`
	Re   int    `json:"re"`
	raw  []byte
}

// wire is a WebSocket that speaks veche-v1.
type wire struct {
	ws   *websocket.Conn
	http *http.Transport

	mu      sync.Mutex // guards the following
	last    int        // id of the last request
	waiting map[int]chan frame
	over    bool
}

func dial(ctx context.Context, b Bot) (*wire, error) {
	u, err := url.Parse(b.URL)
	if err != nil {
		return nil, fmt.Errorf("vtest: %w", err)
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	u = u.JoinPath("ws")
	w := &wire{http: &http.Transport{TLSClientConfig: b.TLS}, waiting: map[int]chan frame{}}
	w.ws, _, err = websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: w.http}, Subprotocols: []string{proto.Subprotocol},
	})
	if err != nil {
		return nil, fmt.Errorf("vtest: %w", err)
	}
	w.ws.SetReadLimit(maxFrame)
	return w, nil
}

// hello is the first exchange, before there is a reader.
func (w *wire) hello(ctx context.Context, b Bot) (proto.Welcome, error) {
	h := proto.Hello{
		V: []int{proto.Version}, Room: b.Room, Kind: b.Kind, Name: b.Name, Token: b.Token, Agent: "bot",
		Decode: caps, Encode: caps, State: proto.State{Mic: b.Publish, Camera: b.Publish},
	}
	if b.Viewer {
		h.Role = "viewer"
	}
	if b.Resume != "" {
		h.Resume = &proto.Resume{Token: b.Resume}
	}
	if err := w.send(ctx, h, 0); err != nil {
		return proto.Welcome{}, err
	}
	f, err := w.read(ctx)
	if err != nil {
		return proto.Welcome{}, err
	}
	var welcome proto.Welcome
	if f.Type != welcome.Type() {
		return welcome, f.error()
	}
	return welcome, json.Unmarshal(f.raw, &welcome)
}

// send writes a request; id 0 = it is not to be answered.
func (w *wire) send(ctx context.Context, r proto.Request, id int) error {
	fields := map[string]any{}
	body, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(body, &fields)
	}
	if err != nil {
		return fmt.Errorf("vtest: %w", err)
	}
	fields["t"] = r.Type()
	if id > 0 {
		fields["id"] = id
	}
	if body, err = json.Marshal(fields); err != nil {
		return fmt.Errorf("vtest: %w", err)
	}
	return w.ws.Write(ctx, websocket.MessageText, body)
}

func (w *wire) read(ctx context.Context) (frame, error) {
	_, body, err := w.ws.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	f := frame{raw: body}
	return f, json.Unmarshal(body, &f)
}

func (f frame) error() error {
	var e proto.Error
	if err := json.Unmarshal(f.raw, &e); err != nil {
		return err
	}
	if f.Type != e.Type() {
		return fmt.Errorf("vtest: the server answers %s", f.Type)
	}
	return &Error{e.Code, e.Message}
}

// ask sends a request and waits for what the reader finds.
func (w *wire) ask(ctx context.Context, r proto.Request) (proto.OK, error) {
	reply := make(chan frame, 1)
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return proto.OK{}, ErrClosed
	}
	w.last++
	id := w.last
	w.waiting[id] = reply
	w.mu.Unlock()
	defer w.forget(id)
	if err := w.send(ctx, r, id); err != nil {
		return proto.OK{}, err
	}
	select {
	case f, open := <-reply:
		var ok proto.OK
		if !open {
			return ok, ErrClosed
		}
		if f.Type != ok.Type() {
			return ok, f.error()
		}
		return ok, json.Unmarshal(f.raw, &ok)
	case <-ctx.Done():
		return proto.OK{}, ctx.Err()
	}
}

func (w *wire) forget(id int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, id)
}

// answer hands a reply to whoever waits for it.
func (w *wire) answer(f frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if reply := w.waiting[f.Re]; reply != nil {
		delete(w.waiting, f.Re)
		reply <- f
	}
}

// end lets nobody wait for an answer any more.
func (w *wire) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for id, reply := range w.waiting {
		delete(w.waiting, id)
		close(reply)
	}
}

// ping keeps the socket alive until ctx ends.
func (w *wire) ping(ctx context.Context) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_, _ = w.ask(ctx, proto.Ping{}) // the reader notices a dead socket
		case <-ctx.Done():
			return
		}
	}
}

// close closes the socket; the reader ends with it. Whatever is wrong with a socket that is dropped, it is gone.
func (w *wire) close() {
	_ = w.ws.CloseNow()
	w.http.CloseIdleConnections()
}
