package rtc

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"

	"veche.example/internal/rtc/pace"
	"veche.example/internal/rtc/sdp"
	"veche.example/internal/rtc/seal"
	"veche.example/internal/rtc/wheel"
	"veche.example/internal/udp"
)

// Config configures an Engine.
type Config struct {
	// UDP is the media port: udp.Port.Mux.
	UDP MediaPort
	// TCP gives ICE-TCP connections (RFC 6544) as portmux.Mux.ICE does; nil = none. More by AddTCP.
	TCP net.Listener
	// TCPAddrs are its passive TCP host candidates.
	TCPAddrs []netip.AddrPort
	// Learn is told which SSRCs the client behind a local ICE user name fragment sends; nil = not needed.
	Learn func(ufrag string, ssrcs ...uint32)
	Log   *slog.Logger // nil = slog.Default
}

// MediaPort is the UDP port as peers need it, as udp.Mux gives it.
type MediaPort interface {
	// GetListenAddresses are the host candidates.
	GetListenAddresses() []net.Addr
	// Attach gives a sink the traffic of a local user name fragment in one address family.
	Attach(ufrag string, v6 bool, s udp.Sink) (*udp.Endpoint, error)
	// NewBatch makes a batch for a goroutine that reads from elsewhere.
	NewBatch() *udp.Batch
}

// Engine makes Peers. They share its certificate, its UDP port and its TCP listeners. All methods may be called from
// any goroutine.
type Engine struct {
	cfg         Config
	log         *slog.Logger
	cert        tls.Certificate
	fingerprint sdp.Fingerprint
	tcp         tcpSide
	wheel       *wheel.Wheel
	clock       *pace.Clock
	reports     *udp.Batch // of the wheel
	stats       counters

	mu       sync.Mutex // guards the following
	peers    map[*Peer]struct{}
	tcpAddrs []netip.AddrPort // passive TCP host candidates; never changed in place
	closed   bool
}

// NewEngine makes an engine with a certificate of its own.
func NewEngine(cfg Config) (*Engine, error) {
	if cfg.UDP == nil {
		return nil, fmt.Errorf("rtc: Config.UDP is missing")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	e := &Engine{cfg: cfg, log: cfg.Log, peers: make(map[*Peer]struct{})}
	e.tcp.init(e)
	var err error
	if e.cert, err = seal.Certificate(); err != nil {
		return nil, fmt.Errorf("rtc: certificate: %w", err)
	}
	e.fingerprint = sdp.FingerprintOf(e.cert.Certificate[0])
	e.reports = cfg.UDP.NewBatch()
	e.wheel, e.clock = wheel.New(e.reports.Flush), pace.NewClock()
	if cfg.TCP != nil {
		if err := e.AddTCP(cfg.TCP, cfg.TCPAddrs...); err != nil {
			_ = e.Close()
			return nil, err
		}
	}
	return e, nil
}

// NewPeer makes a peer that waits for its first offer. Its owner must close it.
func (e *Engine) NewPeer(cfg PeerConfig) (*Peer, error) {
	p, err := newPeer(e, cfg)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	e.peers[p] = struct{}{}
	e.wheel.Add(ticker{p})
	e.mu.Unlock()
	return p, nil
}

// AddTCP takes ICE-TCP connections from one more listener, which the engine closes when it is closed. Answers from
// now on have these passive host candidates too.
func (e *Engine) AddTCP(l net.Listener, candidates ...netip.AddrPort) error {
	if err := e.tcp.add(l); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tcpAddrs = append(slices.Clone(e.tcpAddrs), candidates...)
	return nil
}

func (e *Engine) remove(p *Peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.peers[p]; ok {
		delete(e.peers, p)
		e.stats.add(&p.stats)
	}
}

// Close closes all peers and TCP listeners and waits for them. The UDP port stays open. It is idempotent.
func (e *Engine) Close() error {
	e.mu.Lock()
	was := e.closed
	e.closed = true
	peers := make([]*Peer, 0, len(e.peers))
	for p := range e.peers {
		peers = append(peers, p)
	}
	e.mu.Unlock()
	for _, p := range peers {
		p.end(Closed, "")
	}
	for _, p := range peers {
		<-p.done
	}
	e.tcp.close()
	if !was {
		e.wheel.Close()
		e.clock.Close()
	}
	return nil
}

// candidates are the host candidates of an answer.
func (e *Engine) candidates() []string {
	var list []netip.AddrPort
	for _, a := range e.cfg.UDP.GetListenAddresses() {
		if u, ok := a.(*net.UDPAddr); ok {
			list = append(list, u.AddrPort())
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return sdp.HostCandidates(list, e.tcpAddrs)
}
