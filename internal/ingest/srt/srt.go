// Package srt takes streams from encoders by SRT (draft-sharabayko-srt): MPEG-TS, whose stream id names the room.
//
//	srt://host:8890?streamid=publish:{room}?token=…
//	srt://host:8890?streamid=#!::m=publish,r={room},token=…
package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/ingest/ts"
)

const (
	// latency is how long lost packets may be asked for again, unless the encoder wants more.
	latency = 120 * time.Millisecond
	// silence ends a connection from which nothing came.
	silence = 5 * time.Second
	// payload of a packet: seven packets of MPEG-TS.
	payload = 1316
)

// Defaults of Config.
const (
	DefaultConnections = 100
	DefaultPerIP       = 32
)

// Config configures a Server.
type Config struct {
	Log         *slog.Logger // nil = silent
	Intake      *intake.Intake
	Listen      string // HOST:PORT, UDP
	Passphrase  string // that encoders must have too; "" = not encrypted
	Connections int    // at a time; 0 = DefaultConnections
	PerIP       int    // of them from one address; 0 = DefaultPerIP
}

// Server is a listener. Its methods may be called from any goroutine.
type Server struct {
	c   Config
	log *slog.Logger
	l   gosrt.Listener
	ctx context.Context // ends with Close
	end context.CancelFunc
	wg  sync.WaitGroup

	mu    sync.Mutex         // guards the following
	count map[netip.Addr]int // connections that are there or about to be
	total int
}

// Listen opens the port. Close ends the server.
func Listen(c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Connections <= 0 {
		c.Connections = DefaultConnections
	}
	if c.PerIP <= 0 {
		c.PerIP = DefaultPerIP
	}
	address, err := net.ResolveUDPAddr("udp", c.Listen) // the library knows numbers only
	if err != nil {
		return nil, err
	}
	l, err := gosrt.Listen("srt", address.String(), Settings(c.Passphrase))
	if err != nil {
		return nil, err
	}
	s := &Server{c: c, log: c.Log, l: l, count: map[netip.Addr]int{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	return s, nil
}

// Settings are those of every connection, listening or calling.
func Settings(passphrase string) gosrt.Config {
	c := gosrt.DefaultConfig()
	c.ReceiverLatency, c.PeerLatency = latency, latency
	c.ConnectionTimeout, c.PeerIdleTimeout = silence, silence
	c.PayloadSize = payload
	c.Passphrase = passphrase
	return c
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.l.Addr().String() }

func (s *Server) accept() {
	for {
		r, err := s.l.Accept2()
		if err != nil {
			if s.ctx.Err() == nil {
				s.log.Error("srt: the listener has ended", "error", err)
			}
			return
		}
		ip := intake.AddrOf(r.RemoteAddr())
		if !s.enter(ip) {
			s.log.Warn("srt: refused, too many", "ip", ip)
			r.Reject(gosrt.REJX_OVERLOAD)
			continue
		}
		s.wg.Go(func() {
			defer s.leave(ip)
			s.serve(r, ip)
		})
	}
}

func (s *Server) enter(ip netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= s.c.Connections || s.count[ip] >= s.c.PerIP {
		return false
	}
	s.total++
	s.count[ip]++
	return true
}

func (s *Server) leave(ip netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.count[ip]--; s.count[ip] == 0 {
		delete(s.count, ip)
	}
}

// serve is the life of one connection; whatever goes wrong in it ends it only.
func (s *Server) serve(r gosrt.ConnRequest, ip netip.Addr) {
	log := s.log.With("protocol", "srt", "ip", ip)
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic in a connection", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	target, err := Target(r.StreamId())
	if err != nil {
		log.Info("refused", "error", err)
		r.Reject(gosrt.REJX_BAD_REQUEST)
		return
	}
	if reason, ok := s.passphrase(r); !ok {
		log.Info("refused: another passphrase")
		r.Reject(reason)
		return
	}
	stream, err := s.c.Intake.Admit(s.ctx, target, "SRT", ip)
	if err != nil {
		log.Info("refused", "room", target.Room, "error", err)
		r.Reject(gosrt.REJX_FORBIDDEN)
		return
	}
	defer stream.Close()
	c, err := r.Accept()
	if err != nil {
		log.Info("connection failed", "error", err)
		return
	}
	if err := Run(s.ctx, c, stream); err != nil && s.ctx.Err() == nil {
		log.Info("connection ended", "error", err)
	}
}

// passphrase unlocks an encrypted connection; false if it must not go on.
func (s *Server) passphrase(r gosrt.ConnRequest) (gosrt.RejectionReason, bool) {
	if s.c.Passphrase == "" {
		return gosrt.REJX_FORBIDDEN, !r.IsEncrypted()
	}
	if !r.IsEncrypted() || r.SetPassphrase(s.c.Passphrase) != nil {
		return gosrt.REJ_BADSECRET, false
	}
	return 0, true
}

// Run leads what comes by a connection into a stream until either ends, and closes the connection. An encoder that ends as
// it should is no error.
func Run(ctx context.Context, c gosrt.Conn, stream *intake.Stream) error {
	inner, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends with inner
		defer close(done)
		select {
		case <-stream.Done():
		case <-inner.Done():
		}
		_ = c.Close()
	}()
	defer func() {
		end()
		<-done
	}()
	reader, err := ts.Open(&packets{r: c})
	if err == nil {
		in := stream.Input()
		defer in.Close()
		err = reader.Run(in)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// packets lets a reader take less than a packet at a time.
type packets struct {
	r    io.Reader
	buf  [2048]byte
	rest []byte
}

// Read implements io.Reader.
func (p *packets) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		n, err := p.r.Read(p.buf[:])
		if err != nil {
			return 0, err
		}
		p.rest = p.buf[:n]
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// maxID is the length of a stream id (draft-sharabayko-srt §3.2.1.3).
const maxID = 512

// Target reads a stream id: "publish:room?token=…", "room/token", or the keys of SRT access control.
func Target(id string) (intake.Target, error) {
	if len(id) > maxID {
		return intake.Target{}, intake.ErrTarget
	}
	if keys, ok := strings.CutPrefix(id, "#!::"); ok {
		query := url.Values{}
		for _, pair := range strings.Split(keys, ",") {
			k, v, _ := strings.Cut(pair, "=")
			query.Set(k, v)
		}
		if m := query.Get("m"); m != "" && m != "publish" {
			return intake.Target{}, fmt.Errorf("%w: playing by SRT is not offered", intake.ErrTarget)
		}
		return intake.Parse(query.Get("r"), query)
	}
	id = strings.TrimPrefix(id, "publish:")
	path, query, _ := strings.Cut(id, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return intake.Target{}, fmt.Errorf("%w: %w", intake.ErrTarget, err)
	}
	return intake.Parse(path, values)
}

// Close ends all connections and waits for them. Idempotent.
func (s *Server) Close() {
	s.end()
	s.l.Close()
	s.wg.Wait()
}
