package wsconn

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Config configures a Server. The zero value allows browsers of the same host only.
type Config struct {
	Log          *slog.Logger                   // nil = silent
	Subprotocols []string                       // accepted, best first; empty = none is asked for
	Origins      []string                       // "https://example.org" besides the server's own host; "*" = any
	ClientIP     func(*http.Request) netip.Addr // behind trusted proxies; nil = the peer's address
	Host         func(*http.Request) string     // as the client sees it; nil = the Host header
	Local        bool                           // pages of this machine may too, whatever their port
	// Direct lets Send write at once what the socket takes, in the caller's goroutine: less work for one message to
	// one client, not for one to many.
	Direct bool
	// Inline says that the handlers' Message and Limited never wait for anything: where there is a poller they are
	// called by its one goroutine, for all connections of the server.
	Inline bool
	// Unspoken lets clients in that offer none of Subprotocols; Conn.Subprotocol is then "", and the handler tells them.
	Unspoken bool
	Limits   Limits
}

// Limits bound what one client can cost. Zero values take the defaults.
type Limits struct {
	Frame int // bytes of a message to us; default 64 KiB

	Rate     float64 // messages per second; default 50
	Burst    int     // messages at once; default 200
	Offences int     // refused messages without a pause of a second that end the connection; default 100

	QueueMessages int // messages waiting to be written; default 1024
	QueueBytes    int // their bytes; default 2 MiB

	Handshake time.Duration // until Conn.Ready; default 10 s
	Ping      time.Duration // silence before we ping; default 12 s
	Idle      time.Duration // silence before we close; default 30 s
	Quiet     time.Duration // without a message, whatever pongs come; default no limit
	Write     time.Duration // one write to the socket; default 10 s
	Linger    time.Duration // for last words and the client's close frame; default 3 s

	Connections  int // at a time; default 10,000
	PendingPerIP int // connections of an address (IPv6: /64) that are not Ready; default 32
	PerIP        int // connections of an address (IPv6: /64); default no limit
}

func (l Limits) withDefaults() Limits {
	set(&l.Frame, 64<<10)
	set(&l.Rate, 50)
	set(&l.Burst, 200)
	set(&l.Offences, 100)
	set(&l.QueueMessages, 1024)
	set(&l.QueueBytes, 2<<20)
	set(&l.Handshake, 10*time.Second)
	set(&l.Ping, 12*time.Second)
	set(&l.Idle, 30*time.Second)
	set(&l.Write, 10*time.Second)
	set(&l.Linger, 3*time.Second)
	set(&l.Connections, 10_000)
	set(&l.PendingPerIP, 32)
	return l
}

func set[T int | float64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
