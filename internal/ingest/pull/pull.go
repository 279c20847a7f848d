// Package pull calls sources that do not come by themselves, IP cameras (RTSP) and SRT listeners, and calls again when
// they are gone.
package pull

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/ingest/rtsp"
	"veche.example/internal/ingest/srt"
	"veche.example/internal/room"
)

const (
	// The pause between two calls grows from the first to the last.
	pauseFirst = time.Second
	pauseLast  = 30 * time.Second
	// goodRun: a source that was there for so long is called again at once.
	goodRun     = 30 * time.Second
	dialTimeout = 10 * time.Second
)

// ErrAddress: the source is at an address that is refused.
var ErrAddress = errors.New("pull: the address is not public; allow it by streams.allow")

// Source is one to call.
type Source struct {
	Room room.ID
	URL  string // rtsp, rtsps or srt; may hold a password
	Name string // to show; "" = the protocol
}

// Parse reads "ROOM URL" or "ROOM URL NAME …".
func Parse(text string) (Source, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return Source{}, errors.New("not ROOM URL [NAME]")
	}
	s := Source{Room: f[0], URL: f[1], Name: strings.Join(f[2:], " ")}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" {
		return Source{}, errors.New("the URL is malformed") // which may hold a password
	}
	switch u.Scheme {
	case "rtsp", "rtsps", "srt":
		return s, nil
	}
	return Source{}, fmt.Errorf("a URL begins with rtsp, rtsps or srt, not %q", u.Scheme)
}

// Config configures a Puller.
type Config struct {
	Log     *slog.Logger // nil = silent
	Intake  *intake.Intake
	Sources []Source
	Allow   []netip.Prefix // networks that are not public and may be called all the same
}

// Puller calls its sources from New to Close.
type Puller struct {
	c   Config
	log *slog.Logger
	ctx context.Context // ends with Close
	end context.CancelFunc
	wg  sync.WaitGroup
}

// New begins.
func New(c Config) *Puller {
	p := &Puller{c: c, log: c.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.ctx, p.end = context.WithCancel(context.Background())
	for _, s := range c.Sources {
		p.wg.Go(func() { p.keep(s) })
	}
	return p
}

// Close ends all calls and waits for them. Idempotent.
func (p *Puller) Close() {
	p.end()
	p.wg.Wait()
}

// keep calls one source for ever.
func (p *Puller) keep(s Source) {
	u, _ := url.Parse(s.URL) // Parse has seen it
	log := p.log.With("room", s.Room, "source", u.Redacted())
	pause := pauseFirst
	for {
		began := time.Now()
		err := p.call(s, u)
		if p.ctx.Err() != nil {
			return
		}
		if time.Since(began) > goodRun {
			pause = pauseFirst
		}
		log.Warn("source is gone", "error", masked(err, u), "again in", pause)
		select {
		case <-time.After(pause):
		case <-p.ctx.Done():
			return
		}
		pause = min(2*pause, pauseLast)
	}
}

// masked keeps the password of a URL out of an error's text.
func masked(err error, u *url.URL) string {
	text := fmt.Sprint(err)
	if secret, ok := u.User.Password(); ok && secret != "" {
		text = strings.ReplaceAll(text, secret, "xxxxx")
	}
	return text
}

func (p *Puller) call(s Source, u *url.URL) error {
	protocol := strings.ToUpper(u.Scheme)
	admit := func(ctx context.Context) (*intake.Stream, error) {
		t := intake.Target{Room: s.Room, Name: s.Name, Trusted: room.Speaker}
		return p.c.Intake.Admit(ctx, t, protocol, netip.Addr{})
	}
	if u.Scheme == "srt" {
		return p.srt(u, admit)
	}
	return rtsp.Pull(p.ctx, s.URL, p.dial, admit)
}

func (p *Puller) srt(u *url.URL, admit func(context.Context) (*intake.Stream, error)) error {
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	defer cancel()
	at, err := p.resolve(ctx, u.Hostname(), u.Port())
	if err != nil {
		return err
	}
	c := srt.Settings(u.Query().Get("passphrase"))
	c.StreamId = u.Query().Get("streamid")
	conn, err := gosrt.DialWithContext(ctx, "srt", at.String(), c)
	if err != nil {
		return err
	}
	stream, err := admit(ctx)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer stream.Close()
	return srt.Run(p.ctx, conn, stream)
}

// dial connects to an address that was judged, not to a name that may mean another one by then.
func (p *Puller) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	at, err := p.resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, network, at.String())
}

// resolve finds an address that may be called.
func (p *Puller) resolve(ctx context.Context, host, port string) (netip.AddrPort, error) {
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range list {
		if a = a.Unmap(); p.may(a) {
			return netip.AddrPortFrom(a, uint16(n)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%w: %s", ErrAddress, host)
}

func (p *Puller) may(a netip.Addr) bool {
	for _, n := range p.c.Allow {
		if n.Contains(a) {
			return true
		}
	}
	return public(a)
}

// special are blocks that are not public (IANA special-purpose registries), or carry IPv4 addresses that may not be.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("3fff::/20"),
}

func public(a netip.Addr) bool {
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}
