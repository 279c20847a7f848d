// Package rtmp takes streams from encoders by RTMP and RTMPS, also enhanced RTMP: rtmp://host/live/{room}?token=…, or the
// token as stream key.
//
//	TCP, TLS ─ Server.Serve ─ one goroutine per connection ─ gortmplib ─▶ intake ─▶ feed ─▶ the room
package rtmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib"

	"veche.example/internal/ingest/intake"
)

const (
	// handshake is how long a connection may take to say what it wants and to send its first tracks.
	handshake = 10 * time.Second
	// silence ends a connection from which nothing came.
	silence = 10 * time.Second
	// app is the application name in URLs.
	app = "live"
)

// Defaults of Config.
const (
	DefaultConnections = 200
	DefaultPerIP       = 32
)

// Config configures a Server.
type Config struct {
	Log         *slog.Logger // nil = silent
	Intake      *intake.Intake
	Connections int // at a time; 0 = DefaultConnections
	PerIP       int // of them from one address; 0 = DefaultPerIP
}

// Server takes connections from any number of listeners. Its methods may be called from any goroutine.
type Server struct {
	c   Config
	log *slog.Logger
	wg  sync.WaitGroup
	ctx context.Context // ends with Close
	end context.CancelFunc

	mu        sync.Mutex // guards the following
	listeners []net.Listener
	conns     map[net.Conn]netip.Addr
	closed    bool
}

// New makes a server without listeners; Close ends it.
func New(c Config) *Server {
	if c.Connections <= 0 {
		c.Connections = DefaultConnections
	}
	if c.PerIP <= 0 {
		c.PerIP = DefaultPerIP
	}
	s := &Server{c: c, log: c.Log, conns: map[net.Conn]netip.Addr{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// Serve takes connections of l until Close, which closes l. Connections over a limit are closed at once.
func (s *Server) Serve(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = l.Close()
		return
	}
	s.listeners = append(s.listeners, l)
	s.wg.Go(func() { s.accept(l) })
}

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			if s.ctx.Err() != nil {
				return
			}
			s.log.Warn("rtmp: accept", "error", err)
			select {
			case <-time.After(100 * time.Millisecond): // out of descriptors, most likely
			case <-s.ctx.Done():
				return
			}
			continue
		}
		if !s.add(c) {
			_ = c.Close()
		}
	}
}

// add starts a connection; false if there is no place for it.
func (s *Server) add(c net.Conn) bool {
	ip := intake.AddrOf(c.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	same := 0
	for _, o := range s.conns {
		if o == ip {
			same++
		}
	}
	if s.closed || len(s.conns) >= s.c.Connections || same >= s.c.PerIP {
		s.log.Warn("rtmp: refused", "ip", ip, "connections", len(s.conns), "same", same)
		return false
	}
	s.conns[c] = ip
	s.wg.Go(func() { s.serve(c, ip) })
	return true
}

// serve is the life of one connection; whatever goes wrong in it ends it only.
func (s *Server) serve(c net.Conn, ip netip.Addr) {
	log := s.log.With("protocol", "rtmp", "ip", ip)
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic in a connection", "panic", p, "stack", string(debug.Stack()))
		}
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if err := s.talk(c, ip, log); err != nil && s.ctx.Err() == nil {
		log.Info("connection ended", "error", err)
	}
}

// talk takes what a connection publishes, until it ends.
func (s *Server) talk(c net.Conn, ip netip.Addr, log *slog.Logger) error {
	_ = c.SetDeadline(time.Now().Add(handshake))
	sc := &gortmplib.ServerConn{RW: &alive{Conn: c}}
	if err := sc.Initialize(); err != nil {
		return err
	}
	if err := sc.Accept(); err != nil {
		return err
	}
	if !sc.Publish {
		return errors.New("playing by RTMP is not offered: use HLS or WHEP")
	}
	target, err := targetOf(sc)
	if err != nil {
		return err
	}
	protocol := "RTMP"
	if _, ok := c.(interface{ NetConn() net.Conn }); ok { // of tls.Conn
		protocol = "RTMPS"
	}
	reader := &gortmplib.Reader{Conn: sc}
	if err := reader.Initialize(); err != nil {
		return err
	}
	stream, err := s.c.Intake.Admit(s.ctx, target, protocol, ip)
	if err != nil {
		return fmt.Errorf("room %q: %w", target.Room, err)
	}
	defer stream.Close()
	ended, end := context.WithCancel(s.ctx)
	defer end()
	s.wg.Go(func() {
		select {
		case <-stream.Done(): // removed by a moderator, or replaced
		case <-ended.Done():
		}
		_ = c.Close()
	})
	in := stream.Input()
	defer in.Close()
	connect(in, reader)
	_ = c.SetDeadline(time.Time{})
	for {
		if err := reader.Read(); err != nil {
			return err
		}
		if err := in.Err(); err != nil {
			return err
		}
	}
}

// targetOf reads rtmp://host/live/room/token?…; the application may be left out.
func targetOf(sc *gortmplib.ServerConn) (intake.Target, error) {
	if sc.URL == nil {
		return intake.Target{}, intake.ErrTarget
	}
	path := strings.Trim(sc.URL.Path, "/")
	if first, rest, _ := strings.Cut(path, "/"); first == app {
		path = rest
	}
	return intake.Parse(path, sc.URL.Query())
}

// alive gives each read and write a deadline of its own.
type alive struct{ net.Conn }

// Read implements net.Conn.
func (a *alive) Read(b []byte) (int, error) {
	_ = a.SetReadDeadline(time.Now().Add(silence))
	return a.Conn.Read(b)
}

// Write implements net.Conn.
func (a *alive) Write(b []byte) (int, error) {
	_ = a.SetWriteDeadline(time.Now().Add(silence))
	return a.Conn.Write(b)
}

// Close ends all listeners and connections and waits for them. Idempotent.
func (s *Server) Close() {
	s.end()
	s.mu.Lock()
	s.closed = true
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}
