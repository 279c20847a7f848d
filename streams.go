package veche

import (
	"fmt"
	"log/slog"
	"net"

	"veche.example/internal/config"
	"veche.example/internal/ingest/intake"
	"veche.example/internal/ingest/pull"
	"veche.example/internal/ingest/rtmp"
	"veche.example/internal/ingest/rtsp"
	"veche.example/internal/ingest/srt"
	"veche.example/internal/session"
)

// streams are the parts that take streams of other protocols.
type streams struct {
	intake *intake.Intake
	rtmp   *rtmp.Server
	rtsp   *rtsp.Server
	srt    *srt.Server // nil if not configured
	pull   *pull.Puller
}

// openStreams opens the UDP port; those for TCP are the caller's, see StreamPorts.
func openStreams(c *config.Streams, host *session.Manager, log *slog.Logger) (streams, error) {
	in := intake.New(intake.Config{Log: log, Host: host, Max: c.Max, H265: c.H265 == "forward"})
	s := streams{intake: in, rtmp: rtmp.New(rtmp.Config{Log: log, Intake: in}), rtsp: rtsp.New(rtsp.Config{Log: log, Intake: in})}
	var sources []pull.Source
	for _, text := range c.Pull {
		source, err := pull.Parse(text)
		if err != nil {
			return s, fmt.Errorf("streams.pull: %w", err)
		}
		sources = append(sources, source)
	}
	if c.SRT != "" {
		var err error
		if s.srt, err = srt.Listen(srt.Config{Log: log, Intake: in, Listen: c.SRT, Passphrase: string(c.Passphrase)}); err != nil {
			return s, fmt.Errorf("streams.srt: %w", err)
		}
	}
	s.pull = pull.New(pull.Config{Log: log, Intake: in, Sources: sources, Allow: c.Allow})
	return s, nil
}

// close ends streams before the rooms that they are in.
func (s *streams) close() {
	if s.intake == nil {
		return
	}
	if s.pull != nil {
		s.pull.Close()
	}
	if s.srt != nil {
		s.srt.Close()
	}
	s.rtmp.Close()
	s.rtsp.Close()
	s.intake.Close()
}

// StreamPort is a TCP port for streams of another protocol.
type StreamPort struct {
	Name   string // the key in the configuration
	Listen string // HOST:PORT
	TLS    bool   // connections are inside of TLS
	// Serve takes connections of l, which is the Server's from now on. It returns at once.
	Serve func(l net.Listener)
}

// StreamPorts lists the ports that the configuration asks for. The caller listens, as it does for the Server itself.
func (s *Server) StreamPorts() []StreamPort {
	var list []StreamPort
	for _, p := range []StreamPort{
		{"streams.rtmp", s.cfg.Streams.RTMP, false, s.streams.rtmp.Serve},
		{"streams.rtmps", s.cfg.Streams.RTMPS, true, s.streams.rtmp.Serve},
		{"streams.rtsp", s.cfg.Streams.RTSP, false, s.streams.rtsp.Serve},
	} {
		if p.Listen != "" {
			list = append(list, p)
		}
	}
	return list
}
