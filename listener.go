package veche

import (
	"crypto/tls"
	"net"

	"veche.example/internal/portmux"
)

// Listener takes TURN and ICE over TCP out of l, and with t also out of TLS, and gives the rest to an http.Server whose
// handler is the Server: one open port is then enough. The caller closes what is returned; l is the Server's from
// now on. An error of l that Accept would report ends Accept with net.ErrClosed and is logged.
func (s *Server) Listener(l net.Listener, t *tls.Config) net.Listener {
	n := s.net
	m, err := n.share(l, t)
	if err != nil { // closed meanwhile
		s.log.Warn("listener refused", "address", l.Addr().String(), "err", err)
		return closedListener{l}
	}
	n.mu.Lock()
	n.httpPort, n.tls = portOf(l.Addr()), t != nil
	n.mu.Unlock()
	return httpListener{m.HTTP(), m}
}

// httpListener ends the whole port when HTTP is done.
type httpListener struct {
	net.Listener
	mux *portmux.Mux
}

func (l httpListener) Close() error { return l.mux.Close() }

type closedListener struct{ net.Listener }

func (closedListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
