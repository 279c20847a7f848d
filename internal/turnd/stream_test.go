package turnd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

func listenTCP(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// TestStreams: real clients over TCP and TLS, relaying to one over UDP.
func TestStreams(t *testing.T) {
	plain, secure := listenTCP(t), listenTCP(t)
	r := newRig(t, func(c *Config) { c.Listeners = []net.Listener{plain} })
	if err := r.AddListener(tls.NewListener(secure, certificate(t))); err != nil {
		t.Fatal(err)
	}
	far := r.dialUDP(t, "far").allocate(t)
	for name, dial := range map[string]func() (net.Conn, error){
		"TCP": func() (net.Conn, error) { return net.Dial("tcp", plain.Addr().String()) },
		"TLS": func() (net.Conn, error) {
			return tls.Dial("tcp", secure.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			near := r.client(t, turn.NewSTUNConn(conn), name).allocate(t)
			if _, err := far.WriteTo([]byte("open the way"), near.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			pingPong(t, near, far, "near to far")
			pingPong(t, near, far, strings.Repeat("x", 1201)) // padded ChannelData by now
			if s := r.Stats().Streams; s != 1 {
				t.Errorf("%d streams", s)
			}
			_ = conn.Close()
			eventually(t, "the allocation ends with its connection", func() bool {
				s := r.Stats()
				return s.Allocations == 1 && s.Streams == 0
			})
		})
	}
	_ = r.Close()
	if err := r.AddListener(plain); !errors.Is(err, net.ErrClosed) {
		t.Error("a closed server takes a listener:", err)
	}
}

// TestStreamBytes: frames may come in any pieces, several at once; what is none ends the connection.
func TestStreamBytes(t *testing.T) {
	l := listenTCP(t)
	r := newRig(t, func(c *Config) { c.Listeners = []net.Listener{l} })
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	bind := func() []byte { return stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint).Raw }

	c := dial()
	two := append(bind(), bind()...)
	for _, b := range two {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	skipped := []byte{0x40, 0, 0, 1, 7, 0, 0, 0} // ChannelData without allocation
	if _, err := c.Write(append(skipped, append(bind(), bind()...)...)); err != nil {
		t.Fatal(err)
	}
	conn := turn.NewSTUNConn(c)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 2000)
	for i := range 4 {
		if n, _, err := conn.ReadFrom(buf); err != nil || !stun.IsMessage(buf[:n]) {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	for name, bad := range map[string][]byte{
		"HTTP":       []byte("GET / HTTP/1.1\r\n\r\n"),
		"one byte":   {0x80},
		"long STUN":  {0, 1, 0xff, 0xfc},
		"long data":  {0x40, 0, 0x06, 0x40},
		"high bytes": {0xff, 0xff, 0xff, 0xff},
	} {
		c := dial()
		_, _ = c.Write(bad)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(buf); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.drops(dropStreamFrame) != 5 || r.drops(dropNoAllocation) != 1 {
		t.Error(r.Stats().Dropped)
	}
}

func TestStreamLimit(t *testing.T) {
	l := listenTCP(t)
	r := newRig(t, func(c *Config) { c.Listeners, c.IPQuota = []net.Listener{l}, 2 })
	for i := range streamsPerAllocation*2 + 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i >= streamsPerAllocation*2 {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err = c.Read(make([]byte, 1)); err == nil {
				t.Error("not closed")
			}
		}
	}
	if s := r.Stats(); s.Streams != 4 || s.Dropped["streams"] != 3 {
		t.Errorf("%+v", s)
	}
	a, b := net.Pipe() // not TCP
	defer b.Close()
	r.streams.add(a)
	if r.drops(dropStreams) != 4 {
		t.Error("a pipe is served")
	}
}

// TestStreamIdle: a connection that does nothing is given up.
func TestStreamIdle(t *testing.T) {
	r := newRig(t, nil)
	near, far := net.Pipe()
	defer far.Close()
	c := &streamConn{Conn: past{near}, l: r.streams}
	if _, err := c.Read(make([]byte, 100)); err == nil {
		t.Error("read something")
	}
	if r.drops(dropStreamIdle) != 1 {
		t.Error(r.Stats().Dropped)
	}
}

// past is a connection whose deadlines are over at once.
type past struct{ net.Conn }

func (p past) SetReadDeadline(d time.Time) error {
	if left := time.Until(d); left < idleWithout-time.Second || left > idleWithout {
		return errors.New("another deadline")
	}
	return p.Conn.SetReadDeadline(time.Unix(1, 0))
}

// TestSlowStream: a client that does not read is cut off in the middle of a frame, and stays so.
func TestSlowStream(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := &streamConn{Conn: stuck{near}}
	if _, err := c.Write([]byte("hello")); err == nil {
		t.Error("written")
	}
	if _, err := c.Conn.Write([]byte("x")); err == nil {
		t.Error("still open")
	}
}

type stuck struct{ net.Conn }

func (s stuck) SetWriteDeadline(time.Time) error { return s.Conn.SetWriteDeadline(time.Unix(1, 0)) }

// TestAcceptErrors: a lack of file descriptors does not end a listener.
func TestAcceptErrors(t *testing.T) {
	l := &flaky{Listener: listenTCP(t), fails: make(chan error, 2)}
	l.fails <- &net.OpError{Op: "accept", Err: syscall.EMFILE}
	l.fails <- &net.OpError{Op: "accept", Err: syscall.ENFILE}
	r := newRig(t, func(c *Config) { c.Listeners = []net.Listener{l} })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "accepted", func() bool { return r.Stats().Streams == 1 })
	if r.drops(dropReadError) != 2 {
		t.Error(r.Stats().Dropped)
	}
}

type flaky struct {
	net.Listener
	fails chan error
}

func (f *flaky) Accept() (net.Conn, error) {
	select {
	case err := <-f.fails:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}
