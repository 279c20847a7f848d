package veche

import (
	"log/slog"
	"net"

	"veche.example/internal/config"
	"veche.example/internal/ingest/intake"
	"veche.example/internal/ingest/rtmp"
	"veche.example/internal/session"
)

// streams are the parts that take streams of other protocols.
type streams struct {
	intake *intake.Intake
	rtmp   *rtmp.Server
}

func openStreams(c *config.Streams, host *session.Manager, log *slog.Logger) streams {
	in := intake.New(intake.Config{Log: log, Host: host, Max: c.Max, H265: c.H265 == "forward"})
	return streams{intake: in, rtmp: rtmp.New(rtmp.Config{Log: log, Intake: in})}
}

// close ends streams before the rooms that they are in.
func (s *streams) close() {
	if s.intake != nil {
		s.rtmp.Close()
		s.intake.Close()
	}
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
	} {
		if p.Listen != "" {
			list = append(list, p)
		}
	}
	return list
}
