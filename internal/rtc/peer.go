package rtc

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

const (
	// A client checks its path every 2.5 to 5 s.
	silence  = int64(8e9)  // Disconnected
	patience = int64(30e9) // from the first offer to Connected
	// farewell after it, Failed: a hole of a minute is survived where the client thinks so too. Who leaves says so, by DTLS or
	// by the signalling.
	farewell = int64(60e9)
)

// Peer is the media connection of one participant. Its methods may be called from any goroutine; none may be called by
// a Writer of a slot, and Close not by its own Handler.
//
// Its goroutines: those of the DTLS library, for the handshake one more, two for each TCP connection, and one while there
// are events. What comes by UDP is dealt with by the port's reader, what is due by the engine's wheel. Locks are taken in
// the order mu, receiver.mu; a Handler is called with none held.
type Peer struct {
	engine *Engine
	cfg    PeerConfig
	log    *slog.Logger
	clock  sfu.Clock
	ice    iceSide
	tx     transmitter
	rx     receiver
	dtls   dtlsSide
	stats  counters

	state   atomic.Uint32 // a State
	profile atomic.Pointer[string]
	began   atomic.Int64 // first offer

	mu      sync.Mutex // guards the following
	closing bool       // no more goroutines and offers
	neg     negotiation

	events events
	stop   chan struct{} // closed by end
	once   sync.Once
	final  State  // set before stop is closed
	reason string // likewise
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines but those of finish and events
	done   chan struct{}  // closed when finish has ended

	ticking sync.Mutex // held by tick; after finish has had it there are no more ticks
}

func newPeer(e *Engine, cfg PeerConfig) (*Peer, error) {
	if cfg.Handler == nil {
		return nil, fmt.Errorf("rtc: PeerConfig.Handler is missing")
	}
	cfg.Audio, cfg.Video = slices.Clone(cfg.Audio), slices.Clone(cfg.Video)
	p := &Peer{
		engine: e, cfg: cfg, log: e.log.With("peer", cfg.ID),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.tx.init(p)
	p.rx.init(p)
	p.dtls.init(p)
	p.neg.init(p)
	p.events.init(p)
	return p, nil
}

// spawn runs f in a goroutine that Close waits for; false if the peer is over. A panic ends the peer only.
func (p *Peer) spawn(name string, f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spawnLocked(name, f)
}

func (p *Peer) spawnLocked(name string, f func()) bool {
	if p.closing {
		return false
	}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		defer p.contain(name)
		f()
	}()
	return true
}

// contain is deferred by every goroutine of the peer.
func (p *Peer) contain(name string) {
	if r := recover(); r != nil {
		p.drop(dropPanic)
		p.log.Error("panic in a media connection", "in", name, "panic", r, "stack", string(debug.Stack()))
		p.end(Failed, "internal error")
	}
}

// end begins the end of the peer. Only the first call counts. It does not wait.
func (p *Peer) end(s State, reason string) {
	p.once.Do(func() {
		p.final, p.reason = s, reason
		if s == Failed {
			p.log.Info("media connection failed", "reason", reason)
		} else {
			p.log.Debug("media connection closed", "reason", reason)
		}
		close(p.stop)
		go p.finish()
	})
}

// ended tells whether end was called.
func (p *Peer) ended() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// Close ends the peer and waits for its goroutines. The handler is told the end of each track and then, unless the peer
// had failed, Closed, before Close returns. It is idempotent.
func (p *Peer) Close() {
	p.end(Closed, "")
	<-p.done
}

// Slot gives the slot of a section on which the client receives, nil if there is none.
func (p *Peer) Slot(mid string) *sfu.Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.neg.slots[mid]; o != nil {
		return o.slot
	}
	return nil
}

// outbounds lists the sections that the client receives on.
func (p *Peer) outbounds() []*outbound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.neg.order
}

// guard runs f and turns a panic into the peer's failure.
func (p *Peer) guard(name string, f func()) {
	defer p.contain(name)
	f()
}

// setState changes the state and tells the handler; nothing follows a final state.
func (p *Peer) setState(s State) {
	for {
		old := State(p.state.Load())
		if old == s || old >= Failed {
			return
		}
		if p.state.CompareAndSwap(uint32(old), uint32(s)) {
			p.events.put(event{kind: eventState, state: s})
			return
		}
	}
}

// finish frees everything. It runs once, on a goroutine of its own.
func (p *Peer) finish() {
	defer close(p.done)
	p.engine.wheel.Remove(ticker{p})
	func() { p.ticking.Lock(); defer p.ticking.Unlock() }() // waits for a tick
	p.events.stop()
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	p.cancel()
	p.dtls.close() // says goodbye while there is a path
	p.ice.mu.Lock()
	gens := append(p.ice.former, p.ice.current)
	p.ice.former, p.ice.current = nil, nil
	p.ice.mu.Unlock()
	for _, g := range gens {
		if g != nil {
			g.close()
		}
	}
	p.wg.Wait()
	p.ice.selected.Store(nil)
	p.tx.pace.Close()
	p.rx.close()
	p.events.flush() // what happened before the end
	p.mu.Lock()
	var tracks []event
	for _, in := range p.neg.inbounds {
		tracks = append(tracks, p.rx.detach(in)...)
	}
	slots := p.neg.order
	p.mu.Unlock()
	for _, o := range slots {
		o.open.Store(false)
		o.slot.Close()
	}
	for _, ev := range tracks {
		ev.track.Close()
		p.events.tell(ev)
	}
	p.engine.remove(p)
	p.state.Store(uint32(p.final))
	p.events.tell(event{kind: eventState, state: p.final})
}

// ticker is a peer as the wheel sees it.
type ticker struct{ p *Peer }

// Tick implements wheel.Ticker.
func (t ticker) Tick(now int64) { t.p.guard("tick", func() { t.p.tick(now, t.p.engine.reports) }) }

// tick does what is due, and sends by out.
func (p *Peer) tick(now int64, out *udp.Batch) {
	p.ticking.Lock()
	defer p.ticking.Unlock()
	if p.ended() {
		return
	}
	p.watch(now)
	p.ice.retire(now)
	p.rx.flush(now, out)
	p.tx.pace.Tick(now)
	slots := p.outbounds()
	if pa := p.ice.selected.Load(); pa != nil && p.ice.away.Over(p.ice.heard.Load(), pa) && State(p.state.Load()) != Connecting {
		p.rx.mu.Lock()
		p.rx.streams.refresh()
		p.rx.mu.Unlock()
		refreshAll(slots)
	}
	for _, o := range slots {
		o.slot.Tick(now)
	}
	p.tx.report(slots, now, out)
}

// watch follows the life of the connection.
func (p *Peer) watch(now int64) {
	began := p.began.Load()
	heard := p.ice.heard.Load()
	switch State(p.state.Load()) {
	case Connecting:
		if began != 0 && now-began > patience {
			p.end(Failed, "not connected in time")
		}
	case Connected:
		if now-heard > silence {
			p.setState(Disconnected)
		}
	case Disconnected:
		if now-heard > silence+farewell {
			p.end(Failed, "nothing heard")
		} else if now-heard <= silence {
			p.setState(Connected)
		}
	}
}
