package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"veche.example"
	"veche.example/internal/config"
)

// patience is how long a shutdown waits for clients to be told and requests to end.
const patience = 10 * time.Second

// process is a server with its listeners, from start to end:
//
//	listen ─▶ veche.New ─▶ serve until ctx ends ─▶ not ready ─▶ clients told, requests finished ─▶ gone
type process struct {
	cfg     config.Config
	tls     *tls.Config
	log     *slog.Logger
	local   bool // /metrics on the main port for clients on this machine
	trial   bool // ports of streams may be taken by others
	options []veche.Option
	demo    string // room that the start page offers, "" = none

	listener net.Listener
	fronts   []frontListener
	server   *veche.Server
	ready    atomic.Bool
}

// newLogger writes to w as the configuration says, which is valid.
func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// open binds every socket. After an error nothing is open.
func (p *process) open(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.cfg.HTTP.Listen)
	if err != nil {
		return err
	}
	p.server, err = veche.New(p.cfg, append(p.options, veche.WithLogger(p.log), veche.WithVersion(versionText()), veche.WithDemoRoom(p.demo))...)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	p.listener = l
	err = p.openFronts(ctx)
	if err == nil {
		if err = p.openStreams(ctx); err != nil {
			for _, f := range p.fronts {
				err = errors.Join(err, f.Close())
			}
		}
	}
	if err != nil {
		closing, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return errors.Join(err, l.Close(), p.server.Close(closing))
	}
	return nil
}

// frontListener is the port of a front-end's own.
type frontListener struct {
	net.Listener
	handler http.Handler
}

// openFronts binds the ports that front-ends have of their own; after an error none is open.
func (p *process) openFronts(ctx context.Context) error {
	p.fronts = nil
	for _, f := range p.server.FrontendPorts() {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", f.Listen)
		if err != nil {
			for _, open := range p.fronts {
				err = errors.Join(err, open.Close())
			}
			return fmt.Errorf("frontends.%s.listen: %w", f.Name, err)
		}
		p.log.Info("serving a front-end", "frontend", f.Name, "address", l.Addr().String())
		if p.tls != nil {
			l = tls.NewListener(l, p.tls)
		}
		p.fronts = append(p.fronts, frontListener{l, f.Handler})
	}
	return nil
}

// run serves until ctx ends or a listener fails; a second signal ends the program at once.
func (p *process) run(ctx context.Context) error {
	failed := make(chan error, 2+len(p.fronts))
	public := p.httpServer(p.routes())
	go func() { failed <- public.Serve(p.server.Listener(p.listener, p.tls)) }()
	servers := []*http.Server{public}
	for _, f := range p.fronts {
		own := p.httpServer(f.handler)
		go func() { failed <- own.Serve(f) }()
		servers = append(servers, own)
	}
	if p.cfg.Metrics.Listen != "" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.cfg.Metrics.Listen)
		if err != nil {
			return errors.Join(fmt.Errorf("metrics.listen: %w", err), p.close(servers, failed))
		}
		operators := p.httpServer(p.operatorRoutes())
		go func() { failed <- operators.Serve(l) }()
		servers = append(servers, operators)
	}
	p.ready.Store(true)
	trim(p.log)
	var err error
	select {
	case <-ctx.Done():
		p.log.Info("stopping")
	case err = <-failed:
		failed <- http.ErrServerClosed // so that close finds one per server
	}
	return errors.Join(err, p.close(servers, failed))
}

// close tells the clients, finishes requests and waits for all goroutines.
func (p *process) close(servers []*http.Server, failed <-chan error) error {
	p.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	told := make(chan error, 1)
	go func() { told <- p.server.Close(ctx) }()
	var errs []error
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, err, s.Close())
		}
	}
	errs = append(errs, <-told)
	for range servers {
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *process) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          log.New(errorLog{p.log}, "", 0),
	}
}

// errorLog takes what net/http has to say, which is mostly about clients that went away.
type errorLog struct{ log *slog.Logger }

// Write logs one line.
func (e errorLog) Write(line []byte) (int, error) {
	e.log.Debug("http", "text", string(line))
	return len(line), nil
}

func (p *process) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.health)
	mux.HandleFunc("GET /readyz", p.readiness)
	if p.local {
		mux.Handle("GET /metrics", onlyLocal(p.server.Metrics()))
	}
	mux.Handle("/", p.server)
	return mux
}

func (p *process) operatorRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.health)
	mux.HandleFunc("GET /readyz", p.readiness)
	mux.Handle("GET /metrics", p.server.Metrics())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// health says that the program answers.
func (p *process) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "ok")
}

// readiness says whether to send it clients.
func (p *process) readiness(w http.ResponseWriter, _ *http.Request) {
	if !p.ready.Load() {
		answer(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	say(w, "%s", text)
}

// onlyLocal hides h from everybody but programs on this machine; a proxy on this machine speaks for others.
func onlyLocal(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		forwarded := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
		if err != nil || !peer.Addr().Unmap().IsLoopback() || forwarded {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// untilSignal ends the returned context at the first SIGINT or SIGTERM and the program at the second.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-signals:
				if n > 0 {
					os.Exit(1)
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// busy explains an address that is in use, with the way out.
func busy(err error, address, fix string) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return fmt.Errorf("%s is in use by another program; %s", address, fix)
}
