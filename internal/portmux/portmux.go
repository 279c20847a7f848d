// Package portmux lets HTTP, HTTPS, TURN and ICE-TCP share one TCP port by looking at the first bytes of each connection.
package portmux

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Options configure a Mux; the zero value of each field means its default.
type Options struct {
	TLS              *tls.Config                // nil: TLS clients are refused
	HandshakeTimeout time.Duration              // for the TLS handshake and the first bytes together; default 10 s
	MaxConns         int                        // connections open at once, default 16384
	MaxPending       int                        // connections not yet recognised, default 1024
	MaxPendingPerIP  int                        // of these from one address, default 64
	Trusted          func(addr netip.Addr) bool // proxies exempt from MaxPendingPerIP, may be nil
	Log              *slog.Logger
}

// Stats are the counters of a Mux since it was made.
type Stats struct {
	Open, Pending   int
	HTTP, TURN, ICE uint64            // connections handed over
	Dropped         map[string]uint64 // by reason
}

// Mux splits one listener in three. All methods may be called from any goroutine.
type Mux struct{}

// New makes a Mux on l, which it owns from now on. Nothing is accepted before Serve.
func New(l net.Listener, o Options) *Mux { return &Mux{} }

// HTTP gives the connections of HTTP clients, with or without TLS. With TLS they are *tls.Conn after the handshake, so
// that net/http serves HTTP/2, or a type with ConnectionState, so that Request.TLS is set.
func (m *Mux) HTTP() net.Listener { return nil }

// TURN gives connections that begin with a STUN message (RFC 8489 framing), with or without TLS.
func (m *Mux) TURN() net.Listener { return nil }

// ICE gives connections that begin with a STUN message in an RFC 4571 frame (ICE-TCP, RFC 6544), with or without TLS.
func (m *Mux) ICE() net.Listener { return nil }

// Serve accepts until Close and then returns net.ErrClosed.
func (m *Mux) Serve() error { return errors.ErrUnsupported }

// Stats returns a snapshot of the counters.
func (m *Mux) Stats() Stats { return Stats{} }

// Close stops accepting, closes what is not handed over yet and waits for its goroutines. Connections that were handed
// over belong to their new owners. It is idempotent.
func (m *Mux) Close() error { return nil }
