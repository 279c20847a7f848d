// Package vtest is bot clients for tests and benchmarks: programs that join a room by Veche's own protocol, publish a
// small film and a tone, and watch others.
//
//	Bot.Join ─ wire.go: WebSocket, requests and events ─▶ Client
//	         ─ peer.go: one Pion PeerConnection: sections to send on, seats to watch by
//	film.go: what bots publish      state.go: what a client knows, and waiting for it
//
// Bots trust nobody's word: a bot that a moderator mutes goes on sending, so that tests see what the server does.
package vtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"veche.example/internal/signal/native/proto"
)

// Bot says who joins what, and what for. The zero value of everything but URL and Room is fine.
type Bot struct {
	URL     string // of the server, with its path prefix; http, https, ws or wss
	Room    string
	Kind    string // of the room if the bot is the first: meeting, broadcast or lobby; "" = meeting
	Name    string
	Token   string // JWT; "" = an open room
	Resume  string // resume token of a former session, to be that member again
	Viewer  bool   // asks to be no more than a viewer
	Publish bool   // sends a film (VP8) and a tone (Opus)
	Layers  bool   // the film in three encodings (rids l, m, h), of which those are sent that the server says somebody watches
	Reports bool   // the arrival of each packet is reported (transport-wide)
	Levels  bool   // the tone with the audio level of Client.Speak
	RED     bool   // speech in the place of the tone, with the packet before in each packet (RFC 2198); needs Levels
	Stamps  bool   // each picture carries when it was sent; needs Layers. Viewers with Stamps note how long it took
	Seats   int    // to open
	Sounds  int    // seats for sound after these, for whoever is loud
	Width   int    // of the tiles of Watch, in pixels; 0 = as the film
	Height  int
	Visible int  // of the seats of Watch, the others are paused; 0 = all
	Watch   bool // the seats show whoever publishes, in the order of joining; else Client.View says
	TCP     bool // media by ICE-TCP only, as in networks that block UDP
	TLS     *tls.Config

	setting func(*webrtc.SettingEngine) // of tests
}

// Client is a Bot that has joined. Its methods may be called from any goroutine; Close ends it.
type Client struct {
	bot     Bot
	wire    *wire
	welcome proto.Welcome
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup // reader and pinger

	level   atomic.Int32         // of Speak
	visible atomic.Int32         // seats of Watch
	current atomic.Pointer[peer] // peer, for the reader of the socket

	offers sync.Mutex // one negotiation at a time; guards the following
	pc     int
	peer   *peer

	board board
}

// Join connects, says hello and, unless there is nothing to send or to watch, waits for the media
// connection. Errors of the server are *Error.
func (b Bot) Join(ctx context.Context) (*Client, error) {
	w, err := dial(ctx, b)
	if err != nil {
		return nil, err
	}
	c := &Client{bot: b, wire: w}
	c.level.Store(silence)
	c.visible.Store(int32(b.Visible))
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.board.init()
	if c.welcome, err = w.hello(ctx, b); err != nil {
		c.cancel()
		w.close()
		return nil, err
	}
	c.board.begin(c.welcome)
	c.wg.Go(c.read)
	c.wg.Go(func() { w.ping(c.ctx) })
	if b.Publish || b.Seats+b.Sounds > 0 {
		if err = c.Connect(ctx); err != nil {
			c.Close()
			return nil, err
		}
	}
	if b.Watch {
		c.watch()
	}
	return c, nil
}

// Fill joins n bots, whose names are numbered, one after the other. After an error none is left.
func Fill(ctx context.Context, n int, b Bot) ([]*Client, error) {
	var all []*Client
	name := b.Name
	for i := range n {
		b.Name = fmt.Sprintf("%s %d", name, i+1)
		c, err := b.Join(ctx)
		if err != nil {
			for _, c := range all {
				c.Close()
			}
			return nil, fmt.Errorf("bot %d: %w", i+1, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// Show changes how many of the seats of Watch are visible, 0 = all.
func (c *Client) Show(visible int) {
	c.visible.Store(int32(visible))
	c.watch()
}

// Welcome is what the server said at first.
func (c *Client) Welcome() proto.Welcome { return c.welcome }

// ID is the bot's member id.
func (c *Client) ID() string { return c.welcome.You.ID }

// Ask sends a request and waits for its answer; r is one of proto's requests. Errors of the server are *Error.
func (c *Client) Ask(ctx context.Context, r proto.Request) (proto.OK, error) {
	return c.wire.ask(ctx, r)
}

// View says what the seats shall show from now on.
func (c *Client) View(ctx context.Context, wishes ...proto.Wish) error {
	if wishes == nil {
		wishes = []proto.Wish{}
	}
	_, err := c.Ask(ctx, proto.View{Seats: wishes})
	return err
}

// Connect makes a new generation of the media connection, closes the one before and waits until the server
// says that the new one is connected.
func (c *Client) Connect(ctx context.Context) error {
	c.offers.Lock()
	defer c.offers.Unlock()
	p, err := newPeer(c.bot, &c.board)
	if err != nil {
		return err
	}
	p.level.Store(c.level.Load())
	if c.peer != nil {
		c.peer.close()
	}
	c.pc++
	c.peer = p
	c.current.Store(p)
	c.board.change(func(s *State) { s.Seats = map[int]Seat{} }) // all is told anew
	offer, err := p.offer(ctx, c.pc)
	if err != nil {
		return err
	}
	ok, err := c.Ask(ctx, offer)
	if err != nil {
		return err
	}
	if err := p.answer(ok.SDP); err != nil {
		return err
	}
	return c.Until(ctx, func(s State) bool { return s.Media[c.pc] == "connected" && p.connected() })
}

// Leave says goodbye and ends the client.
func (c *Client) Leave(ctx context.Context) error {
	_, err := c.Ask(ctx, proto.Leave{})
	c.Close()
	return err
}

// Close ends the client without a word; the server keeps the member for its grace. Idempotent.
func (c *Client) Close() {
	c.wire.close()
	c.cancel()
	c.wg.Wait()
	c.offers.Lock()
	defer c.offers.Unlock()
	if c.peer != nil {
		c.peer.close()
		c.peer = nil
	}
}
