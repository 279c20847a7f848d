package portmux

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTLS is a server configuration and a client one that believes it.
func testTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"veche.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "veche.test"}
}

// rig is a Mux with an HTTP server behind it that tells what it saw.
type rig struct {
	*Mux
	addr   string
	client *tls.Config
	served chan error
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return rigOn(t, l, o)
}

func rigOn(t *testing.T, l net.Listener, o Options) *rig {
	t.Helper()
	server, client := testTLS(t)
	if o.TLS == nil {
		o.TLS = server
	} else {
		o.TLS.Certificates = server.Certificates
	}
	r := &rig{Mux: New(l, o), addr: l.Addr().String(), client: client, served: make(chan error, 2)}
	srv := &http.Server{Handler: http.HandlerFunc(serveTest)}
	go func() { r.served <- r.Serve() }()
	go func() { r.served <- srv.Serve(r.HTTP()) }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		_ = srv.Close()
		for range 2 {
			if err := <-r.served; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("served: %v", err)
			}
		}
	})
	return r
}

func serveTest(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/ws" {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		typ, b, err := c.Read(q.Context())
		if err == nil {
			_ = c.Write(q.Context(), typ, b)
			_ = c.Close(websocket.StatusNormalClosure, "")
		}
		return
	}
	body, _ := io.ReadAll(q.Body)
	_, _ = fmt.Fprintf(w, "%s tls=%v body=%d", q.Proto, q.TLS != nil, len(body))
}

func (r *rig) drops(why dropReason) uint64 { return r.Stats().Dropped[dropNames[why]] }

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestHTTP(t *testing.T) {
	r := newRig(t, Options{})
	for name, c := range map[string]struct {
		scheme string
		tls    func(*tls.Config)
		h2     bool
		want   string
	}{
		"plain":            {"http", nil, false, "HTTP/1.1 tls=false body=70000"},
		"TLS with h2":      {"https", nil, true, "HTTP/2.0 tls=true body=70000"},
		"TLS with http1.1": {"https", func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, false, "HTTP/1.1 tls=true body=70000"},
		"TLS without ALPN": {"https", nil, false, "HTTP/1.1 tls=true body=70000"},
		"unknown ALPN":     {"https", func(c *tls.Config) { c.NextProtos = []string{"webrtc"} }, false, "HTTP/1.1 tls=true body=70000"},
		"TLS 1.2":          {"https", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, false, "HTTP/1.1 tls=true body=70000"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := r.client.Clone()
			if c.tls != nil {
				c.tls(cfg)
			}
			tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: c.h2, Protocols: new(http.Protocols)}
			tr.Protocols.SetHTTP1(!c.h2)
			tr.Protocols.SetHTTP2(c.h2)
			if !c.h2 && c.scheme == "https" { // the transport would name http/1.1 by itself
				tr.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					return (&tls.Dialer{Config: cfg}).DialContext(ctx, network, addr)
				}
			}
			defer tr.CloseIdleConnections()
			hc := &http.Client{Transport: tr}
			for range 2 { // the second request uses the same connection
				res, err := hc.Post(c.scheme+"://"+r.addr+"/", "text/plain", strings.NewReader(strings.Repeat("x", 70000)))
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if string(b) != c.want {
					t.Errorf("%s, want %s", b, c.want)
				}
			}
		})
	}
	eventually(t, "all closed", func() bool { return r.Stats().Open == 0 })
	eventually(t, "six served", func() bool { s := r.Stats(); return s.HTTP == 6 && s.Pending == 0 })
}

func TestWebSocket(t *testing.T) {
	r := newRig(t, Options{})
	for _, scheme := range []string{"ws", "wss"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		tr := &http.Transport{TLSClientConfig: r.client}
		c, _, err := websocket.Dial(ctx, scheme+"://"+r.addr+"/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}})
		if err != nil {
			t.Fatal(scheme, err)
		}
		if err = c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := c.Read(ctx); err != nil || string(b) != "hello" {
			t.Errorf("%s: %q %v", scheme, b, err)
		}
		_ = c.CloseNow()
		tr.CloseIdleConnections()
		cancel()
	}
}

// TestSlowRequest: the first bytes may come one by one.
func TestSlowRequest(t *testing.T) {
	r := newRig(t, Options{})
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, b := range []byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") {
		if _, err = c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if line, _ := bufio.NewReader(c).ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" {
		t.Error(line)
	}
}

// dial opens a connection, sends b and reports how it ends.
func (r *rig) dial(t *testing.T, b []byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err = c.Write(b); err != nil {
		t.Fatal(err)
	}
	return c
}

func ended(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		if _, err := c.Read(make([]byte, 100)); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				t.Fatal("the connection is still open")
			}
			return
		}
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t, Options{HandshakeTimeout: 300 * time.Millisecond})
	ended(t, r.dial(t, []byte("\xff\xfegarbage garbage")))
	ended(t, r.dial(t, []byte("\x16\x03\x01garbage that is no ClientHello")))
	ended(t, r.dial(t, nil))                                 // silent
	ended(t, r.dial(t, stunFirst[:7]))                       // one byte too few, then silent
	ended(t, r.dial(t, []byte{0x16, 3, 1, 2, 0, 1, 0}))      // a ClientHello that never ends
	_ = r.dial(t, stunFirst[:3]).(*net.TCPConn).CloseWrite() // hangs up
	late, err := tls.Dial("tcp", r.addr, r.client)           // silent inside TLS
	if err != nil {
		t.Fatal(err)
	}
	ended(t, late)
	twice, err := tls.Dial("tcp", r.addr, r.client) // TLS inside TLS
	if err != nil {
		t.Fatal(err)
	}
	_, _ = twice.Write([]byte{0x16, 3, 1, 2, 0})
	ended(t, twice)
	ended(t, r.dial(t, stunFirst)) // nobody accepts TURN here
	for why, n := range map[dropReason]uint64{dropUnknown: 2, dropTLS: 1, dropTimeout: 4, dropHungUp: 1, dropNotAccepted: 1} {
		eventually(t, dropNames[why], func() bool { return r.drops(why) == n })
	}
	_ = r.TURN().Close()
	ended(t, r.dial(t, stunFirst))
	eventually(t, "dropped at once", func() bool { return r.drops(dropNotAccepted) == 2 })
	eventually(t, "none open", func() bool { s := r.Stats(); return s.Open == 0 && s.Pending == 0 })
}

func TestNoTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := New(l, Options{})
	done := make(chan error)
	go func() { done <- m.Serve() }()
	if _, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("TLS without a certificate")
	}
	eventually(t, "counted", func() bool { return m.Stats().Dropped["no_tls"] == 1 })
	_ = m.Close()
	<-done
	if err := m.Serve(); !errors.Is(err, net.ErrClosed) {
		t.Error("serves after Close:", err)
	}
}

// TestALPN: ACME's challenge ends with the handshake; a configuration chosen per client keeps its rights.
func TestALPN(t *testing.T) {
	chosen := make(chan string, 4)
	o := Options{TLS: &tls.Config{NextProtos: []string{"acme-tls/1"}}}
	base := o.TLS
	o.TLS.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen <- h.ServerName
		if len(h.SupportedProtos) == 1 && h.SupportedProtos[0] == "evil" {
			return nil, errors.New("no")
		}
		return &tls.Config{Certificates: base.Certificates, NextProtos: []string{"acme-tls/1"}}, nil
	}
	r := newRig(t, o)
	for proto, want := range map[string]string{"acme-tls/1": "acme-tls/1", "h2": "h2", "other": ""} {
		cfg := r.client.Clone()
		cfg.NextProtos = []string{proto}
		c, err := tls.Dial("tcp", r.addr, cfg)
		if err != nil {
			t.Fatal(proto, err)
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != want {
			t.Errorf("%s: negotiated %q", proto, got)
		}
		if proto == "acme-tls/1" {
			ended(t, c)
		}
		_ = c.Close()
		if got := <-chosen; got != "veche.test" {
			t.Error(got)
		}
	}
	cfg := r.client.Clone()
	cfg.NextProtos = []string{"evil"}
	if _, err := tls.Dial("tcp", r.addr, cfg); err == nil {
		t.Error("the refusal was ignored")
	}
	eventually(t, "counted", func() bool { return r.drops(dropALPN) == 1 && r.drops(dropTLS) == 1 })
}

func TestLimits(t *testing.T) {
	r := newRig(t, Options{MaxPendingPerIP: 2, MaxPending: 4, MaxConns: 3})
	a, b := r.dial(t, nil), r.dial(t, nil)
	eventually(t, "two pending", func() bool { return r.Stats().Pending == 2 })
	ended(t, r.dial(t, nil))
	if r.drops(dropMaxPerIP) != 1 {
		t.Error("third pending connection of one address:", r.Stats().Dropped)
	}
	_, _ = a.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) // recognised: not pending any more, but open
	eventually(t, "one pending", func() bool { s := r.Stats(); return s.Pending == 1 && s.Open == 2 })
	r.dial(t, nil)
	eventually(t, "two pending", func() bool { return r.Stats().Pending == 2 })
	ended(t, r.dial(t, nil))
	if r.drops(dropMaxConns) != 1 {
		t.Error("fourth open connection:", r.Stats().Dropped)
	}
	_ = b.Close()
	eventually(t, "room again", func() bool { return r.Stats().Open == 2 })
}

func TestTrustedProxy(t *testing.T) {
	r := newRig(t, Options{MaxPendingPerIP: 1, MaxPending: 3, Trusted: netip.Addr.IsLoopback})
	for range 3 {
		r.dial(t, nil)
	}
	eventually(t, "three pending", func() bool { return r.Stats().Pending == 3 })
	ended(t, r.dial(t, nil))
	if r.drops(dropMaxPending) != 1 {
		t.Error(r.Stats().Dropped)
	}
}

func TestSubnet(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8::1:2:3:4": "2001:db8::", "2001:db8:0:1::5%eth0": "2001:db8:0:1::",
	} {
		if got := subnet(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %v", in, got)
		}
	}
	if source(&net.UnixAddr{}).IsValid() {
		t.Error("a Unix socket has an IP address")
	}
}

// flaky fails to accept a few times, as a process without free file descriptors does.
type flaky struct {
	net.Listener
	fails chan error
}

func (f flaky) Accept() (net.Conn, error) {
	select {
	case err := <-f.fails:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

func TestAcceptErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := flaky{l, make(chan error, 4)}
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED} {
		f.fails <- &net.OpError{Op: "accept", Err: e}
	}
	r := rigOn(t, f, Options{})
	c := r.dial(t, []byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	if line, _ := bufio.NewReader(c).ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" {
		t.Error(line)
	}
	if got := r.drops(dropAccept); got != 3 {
		t.Error(got, "errors counted")
	}

	l2, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := flaky{l2, make(chan error, 1)}
	broken.fails <- errors.New("broken")
	m := New(broken, Options{})
	if err := m.Serve(); err == nil || err.Error() != "broken" {
		t.Error("a listener that is broken for good:", err)
	}
	_ = m.Close()
}

// TestClosePending: Close does not wait for clients.
func TestClosePending(t *testing.T) {
	r := newRig(t, Options{})
	cs := []net.Conn{r.dial(t, nil), r.dial(t, []byte{0x16, 3, 1}), r.dial(t, stunFirst)}
	eventually(t, "pending", func() bool { return r.Stats().Pending == len(cs) })
	begin := time.Now()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if time.Since(begin) > 5*time.Second {
		t.Error("Close waited for clients")
	}
	for _, c := range cs {
		ended(t, c)
	}
	if s := r.Stats(); s.Open != 0 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := r.HTTP().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
