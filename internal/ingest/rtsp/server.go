package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"veche.example/internal/ingest/intake"
)

// app is the application name in URLs; it may be left out.
const app = "live"

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

// Server takes what is pushed by ANNOUNCE and RECORD, with media inside of the connection. Its methods may be called from
// any goroutine.
type Server struct {
	c   Config
	log *slog.Logger
	ctx context.Context // ends with Close
	end context.CancelFunc
	wg  sync.WaitGroup

	mu       sync.Mutex // guards the following
	servers  []*gortsplib.Server
	conns    map[*gortsplib.ServerConn]netip.Addr
	sessions map[*gortsplib.ServerSession]*push
	closed   bool
}

// push is a session that publishes.
type push struct {
	stream *intake.Stream
	in     *intake.Input
	stop   func() // ends the session; any number of times, from anywhere
}

// New makes a server without listeners; Close ends it.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Connections <= 0 {
		c.Connections = DefaultConnections
	}
	if c.PerIP <= 0 {
		c.PerIP = DefaultPerIP
	}
	s := &Server{c: c, log: c.Log, conns: map[*gortsplib.ServerConn]netip.Addr{}, sessions: map[*gortsplib.ServerSession]*push{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// Serve takes connections of l until Close, which closes l. It returns at once.
func (s *Server) Serve(l net.Listener) {
	server := &gortsplib.Server{
		Handler: s, RTSPAddress: "unused",
		Listen: func(string, string) (net.Listener, error) { return l, nil },
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = l.Close()
		return
	}
	if err := server.Start(); err != nil {
		s.log.Error("rtsp: cannot serve", "error", err)
		_ = l.Close()
		return
	}
	s.servers = append(s.servers, server)
}

// Close ends all listeners and connections and waits for them. Idempotent.
func (s *Server) Close() {
	s.end()
	s.mu.Lock()
	s.closed = true
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()
	for _, server := range servers {
		server.Close()
	}
	s.wg.Wait()
}

// OnConnOpen implements gortsplib.ServerHandlerOnConnOpen.
func (s *Server) OnConnOpen(c *gortsplib.ServerHandlerOnConnOpenCtx) {
	ip := intake.AddrOf(c.Conn.NetConn().RemoteAddr())
	s.mu.Lock()
	same := 0
	for _, o := range s.conns {
		if o == ip {
			same++
		}
	}
	refused := len(s.conns) >= s.c.Connections || same >= s.c.PerIP
	s.conns[c.Conn] = ip
	s.mu.Unlock()
	if refused {
		s.log.Warn("rtsp: refused, too many", "ip", ip)
		_ = c.Conn.NetConn().Close()
	}
}

// OnConnClose implements gortsplib.ServerHandlerOnConnClose.
func (s *Server) OnConnClose(c *gortsplib.ServerHandlerOnConnCloseCtx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.Conn)
}

// OnAnnounce implements gortsplib.ServerHandlerOnAnnounce: it lets a stream in.
func (s *Server) OnAnnounce(c *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	target, err := targetOf(c.Path, c.Query)
	if err != nil {
		return &base.Response{StatusCode: base.StatusNotFound}, err
	}
	protocol := "RTSP"
	if _, ok := c.Conn.NetConn().(*tls.Conn); ok {
		protocol = "RTSPS"
	}
	stream, err := s.c.Intake.Admit(s.ctx, target, protocol, intake.AddrOf(c.Conn.NetConn().RemoteAddr()))
	if err != nil {
		s.log.Info("rtsp: refused", "room", target.Room, "error", err)
		return &base.Response{StatusCode: base.StatusForbidden}, err
	}
	p := &push{stream: stream, in: stream.Input()}
	ended, end := context.WithCancel(s.ctx)
	session := c.Session
	p.stop = end
	s.wg.Go(func() {
		select {
		case <-stream.Done():
		case <-ended.Done():
		}
		session.Close()
	})
	s.mu.Lock()
	old := s.sessions[session]
	s.sessions[session] = p
	s.mu.Unlock()
	old.close()
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// targetOf reads a path, "live/room" or "live/room/token", and the query.
func targetOf(path, query string) (intake.Target, error) {
	path = strings.Trim(path, "/")
	if first, rest, _ := strings.Cut(path, "/"); first == app {
		path = rest
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return intake.Target{}, errors.Join(intake.ErrTarget, err)
	}
	return intake.Parse(path, values)
}

// OnSetup implements gortsplib.ServerHandlerOnSetup. Nothing can be played here.
func (s *Server) OnSetup(c *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.Session.State() != gortsplib.ServerSessionStatePreRecord {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, nil, nil
}

// OnRecord implements gortsplib.ServerHandlerOnRecord.
func (s *Server) OnRecord(c *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	s.mu.Lock()
	p := s.sessions[c.Session]
	s.mu.Unlock()
	if p == nil {
		return &base.Response{StatusCode: base.StatusBadRequest}, errors.New("rtsp: RECORD without ANNOUNCE")
	}
	if err := connect(p.in, serverSource{c.Session, p}, c.Session.AnnouncedDescription().Medias); err != nil {
		return &base.Response{StatusCode: base.StatusUnsupportedMediaType}, err
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (s *Server) OnSessionClose(c *gortsplib.ServerHandlerOnSessionCloseCtx) {
	s.mu.Lock()
	p := s.sessions[c.Session]
	delete(s.sessions, c.Session)
	s.mu.Unlock()
	p.close()
}

func (p *push) close() {
	if p == nil {
		return
	}
	p.stop()
	p.in.Close()
	p.stream.Close()
}

// serverSource is a session of an encoder.
type serverSource struct {
	*gortsplib.ServerSession
	p *push
}

// OnPacketRTP implements source.
func (s serverSource) OnPacketRTP(m *description.Media, f format.Format, take func(*rtp.Packet)) {
	s.ServerSession.OnPacketRTP(m, f, func(p *rtp.Packet) {
		take(p)
		if s.p.in.Err() != nil {
			s.p.stop()
		}
	})
}
