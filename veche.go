// Package veche is the Veche server for programs that embed it: signalling, STUN and TURN, the SFU, WHIP and WHEP and
// the web app behind one http.Handler.
//
//	s, err := veche.New(config)
//	http.ListenAndServe("localhost:8080", s)
//
// The way of a request and of a packet:
//
//	TCP ─▶ Server.Listener (portmux) ─▶ net/http ─▶ Server.ServeHTTP ─▶ adapters ─▶ session ─▶ hub (rooms)
//	                    └ TURN, ICE-TCP ┐                                              └▶ rtc ─▶ sfu
//	UDP ─▶ udp.Port ────────────────────┴▶ turnd, rtc
package veche

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"veche.example/internal/auth"
	"veche.example/internal/config"
	"veche.example/internal/egress/live"
	"veche.example/internal/hub"
	"veche.example/internal/load"
	"veche.example/internal/metrics"
	"veche.example/internal/proxy"
	"veche.example/internal/session"
	"veche.example/internal/signal/native"
	"veche.example/internal/signal/whip"
	"veche.example/internal/turnd"
)

// Config is everything a server can be told; docs/configuration.md has every field.
type Config = config.Config

// DefaultConfig is the configuration of a server that was told nothing. It needs auth.secret, or auth.openRooms.
func DefaultConfig() Config { return config.Default() }

// Option is something that is not configuration.
type Option func(*options)

type options struct {
	log      *slog.Logger
	version  string
	demoRoom string
	guest    turnd.Guest
}

// WithLogger makes the server log to l instead of nowhere.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithVersion is the version that the metrics and the app show.
func WithVersion(v string) Option { return func(o *options) { o.version = v } }

// WithDemoRoom makes the start page offer a room where everybody meets who opens it.
func WithDemoRoom(name string) Option { return func(o *options) { o.demoRoom = name } }

// WithGuestTURN lets a fixed TURN user in that everybody knows, for clients on this machine only: examples that have it
// written into their pages work then.
func WithGuestTURN(user, password string) Option {
	return func(o *options) { o.guest = turnd.Guest{User: user, Password: password} }
}

// Server is a running server and its http.Handler. All methods may be called from any goroutine.
type Server struct {
	cfg      Config
	opt      options
	log      *slog.Logger
	trust    proxy.Trust
	net      *network
	hub      *hub.Hub
	sessions *session.Manager
	native   *native.Adapter
	whip     *whip.Adapter
	fronts   []running
	streams  streams
	live     *live.Server
	viewers  *viewers
	keys     *auth.Keys
	handler  http.Handler
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	busy     func() float64 // the share of all cores that the process uses

	closing  sync.Once
	closeErr error
}

// New opens the media sockets and starts a server. Errors name the configuration key or the address that is wrong;
// one that wraps syscall.EADDRINUSE means that another program has a media port. The caller must Close it.
func New(c Config, opts ...Option) (*Server, error) {
	s := &Server{cfg: c, opt: options{log: slog.New(slog.DiscardHandler), version: "devel"}, trust: proxy.New(c.HTTP.TrustedProxies)}
	for _, o := range opts {
		o(&s.opt)
	}
	s.log = s.opt.log
	if err := c.Validate(); err != nil {
		return nil, err
	}
	secret, err := c.Auth.Key()
	if err != nil {
		return nil, err
	}
	keys, err := auth.NewKeys(secret)
	if err != nil {
		return nil, err
	}
	if s.net, err = openNetwork(&s.cfg, keys.Derive("turn"), s.opt.guest, s.log); err != nil {
		return nil, err
	}
	s.busy = new(load.Meter).Share
	s.hub = hub.New(hub.Config{Log: s.log, Limits: hub.Limits{MaxRooms: c.Rooms.MaxRooms}})
	s.sessions = session.New(s.sessionConfig(keys))
	s.viewers = newViewers(s.sessions, keys)
	s.native = native.New(s.nativeConfig())
	s.whip = whip.New(s.whipConfig())
	s.keys = keys
	s.openFrontends()
	if s.streams, err = openStreams(&s.cfg.Streams, s.sessions, s.log); err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	s.live = openOutputs(s, s.cfg.Outputs)
	s.viewers.providers = append(s.viewers.providers, overHTTP(s.live.Stats))
	if err := s.serveSite(); err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

// serveSite makes the routes and the metrics, the last that can fail.
func (s *Server) serveSite() error {
	s.registry = metrics.NewRegistry()
	m, err := metrics.New(s.registry, s.opt.version, s.snapshot)
	if err != nil {
		return err
	}
	s.metrics = m
	if s.handler, err = s.routes(); err != nil {
		return fmt.Errorf("veche: %w", err)
	}
	return nil
}

// ServeHTTP serves pages, the API and WebSockets.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Metrics serves the figures of the server in the formats of Prometheus. Who may see them is the caller's matter.
func (s *Server) Metrics() http.Handler { return metrics.Handler(s.registry) }

// Close tells every client that the server stops, and waits until all of it has ended. When ctx ends first, what is
// left is cut off; no goroutine remains in either case. It is idempotent.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		if s.live != nil {
			s.live.Close()
		}
		s.streams.close()
		s.closeErr = errors.Join(s.closeFrontends(ctx)...)
		s.closeErr = errors.Join(
			s.closeErr, s.native.Close(ctx), s.whip.Close(ctx), s.sessions.Close(ctx), s.hub.Close(ctx), s.net.close(),
		)
		if s.metrics != nil {
			s.closeErr = errors.Join(s.closeErr, s.metrics.Close())
		}
	})
	return s.closeErr
}
