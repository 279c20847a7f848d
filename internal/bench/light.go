package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
)

// light is a client of the least cost: one socket, one check that nominates at once, a DTLS handshake, and from then on it
// looks at the headers of what arrives. It neither decrypts nor reports. Its server must be ICE-lite or bear being left
// without checks for the time of a measurement.
type light struct {
	resource string
	conn     net.Conn // a datagram each
	dtls     *dtls.Conn
	records  chan []byte
	took     time.Duration // from the first check to the keys
	server   netip.AddrPort
	ufrag    string // of both: "theirs:ours"
	pwd      string

	mu      sync.Mutex // guards the following
	streams map[uint32]*stream
	counted bool
	got     uint64
	media   chan struct{}
	once    sync.Once
	done    chan struct{} // closed when the reader has ended
}

var lightCert = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

// lightOffer is an offer to receive one audio and one video section.
func lightOffer(ufrag, pwd string, cert tls.Certificate) string {
	sum := sha256.Sum256(cert.Certificate[0])
	hex := make([]string, len(sum))
	for i, b := range sum {
		hex[i] = fmt.Sprintf("%02X", b)
	}
	common := "a=setup:active\r\na=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\na=fingerprint:sha-256 " + strings.Join(hex, ":") +
		"\r\na=recvonly\r\na=rtcp-mux\r\n"
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n" + common + "a=rtpmap:111 opus/48000/2\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n" + common + "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n"
}

// newLight joins and returns when the keys are there.
func newLight(ctx context.Context, s *signaller, endpoint string, relay *TURNServer) (*light, error) {
	cert, err := lightCert()
	if err != nil {
		return nil, err
	}
	ufrag, pwd := rand.Text()[:8], rand.Text()[:24]
	answer, resource, err := s.post(ctx, endpoint, lightOffer(ufrag, pwd, cert))
	if err != nil {
		return nil, err
	}
	l := &light{resource: resource, records: make(chan []byte, 64), streams: make(map[uint32]*stream),
		media: make(chan struct{}), done: make(chan struct{})}
	if err := l.parse(answer, ufrag); err != nil {
		return nil, err
	}
	if relay != nil {
		l.conn, err = dialTURN(*relay, l.server)
	} else {
		l.conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(l.server))
	}
	if err != nil {
		return nil, err
	}
	if err := l.connect(ctx, cert); err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	return l, nil
}

// parse finds the first IPv4 UDP host candidate and the credentials in an answer.
func (l *light) parse(answer, ufrag string) error {
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "a=ice-ufrag:"); ok {
			l.ufrag = v + ":" + ufrag
		} else if v, ok := strings.CutPrefix(line, "a=ice-pwd:"); ok {
			l.pwd = v
		} else if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(f) > 5 && strings.EqualFold(f[2], "udp") && !l.server.IsValid() {
			if a, err := netip.ParseAddrPort(net.JoinHostPort(f[4], f[5])); err == nil && a.Addr().Is4() {
				l.server = a
			}
		}
	}
	if !l.server.IsValid() || l.pwd == "" || l.ufrag == "" {
		return errors.New("bench: an answer without credentials or candidate")
	}
	return nil
}

// connect checks the path and does the handshake.
func (l *light) connect(ctx context.Context, cert tls.Certificate) error {
	began := time.Now()
	if err := l.check(); err != nil {
		return err
	}
	go l.read()
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	var err error
	l.dtls, err = dtls.ClientWithOptions(lightPipe{l}, l.conn.RemoteAddr(), dtls.WithCertificates(cert),
		dtls.WithInsecureSkipVerify(true), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM), dtls.WithFlightInterval(100*time.Millisecond), dtls.WithLoggerFactory(quiet))
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		err = l.dtls.HandshakeContext(ctx)
		cancel()
	}
	l.took = time.Since(began)
	if err != nil {
		_ = l.conn.Close()
		<-l.done
	}
	return err
}

// check does one connectivity check that nominates (RFC 8445 §7.2), repeated until it is answered.
func (l *light) check() error {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(l.ufrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0x6e, 0, 1, 0xff}},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)},
		stun.RawAttribute{Type: stun.AttrUseCandidate}, stun.NewShortTermIntegrity(l.pwd), stun.Fingerprint)
	if err != nil {
		return err
	}
	buf := make([]byte, 1500)
	for range 50 {
		if _, err := l.conn.Write(m.Raw); err != nil {
			return err
		}
		if err := l.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			return err
		}
		for {
			n, err := l.conn.Read(buf)
			if err != nil {
				break
			}
			if n >= 20 && buf[0] == 1 && buf[1] == 1 && string(buf[8:20]) == string(m.TransactionID[:]) {
				return l.conn.SetReadDeadline(time.Time{})
			}
		}
	}
	return errors.New("bench: no answer to a connectivity check")
}

// read is the only reader after the check.
func (l *light) read() {
	defer close(l.done)
	buf := make([]byte, 2048)
	for {
		n, err := l.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		switch {
		case n < 12:
		case buf[0] >= 128 && (buf[1] < 192 || buf[1] > 223):
			l.once.Do(func() { close(l.media) })
			l.count(uint32(buf[8])<<24|uint32(buf[9])<<16|uint32(buf[10])<<8|uint32(buf[11]), uint16(buf[2])<<8|uint16(buf[3]))
		case buf[0] >= 20 && buf[0] <= 63:
			select {
			case l.records <- append([]byte(nil), buf[:n]...):
			default:
			}
		}
	}
}

func (l *light) count(ssrc uint32, seq uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.counted {
		return
	}
	st := l.streams[ssrc]
	if st == nil {
		st = &stream{begun: true, first: int64(seq), high: int64(seq) - 1}
		l.streams[ssrc] = st
	}
	st.high = max(st.high, st.high+int64(int16(seq-uint16(st.high))))
	st.got++
	l.got++
}

func (l *light) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted = true
}

func (l *light) waitMedia(ctx context.Context) error { return waitFor(ctx, l.media) }

// end stops counting. Latency is not known: the stamps are encrypted.
func (l *light) end() (got, lost uint64, _ []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted = false
	for _, st := range l.streams {
		if missing := st.high - st.first + 1 - st.got; missing > 0 {
			lost += uint64(missing)
		}
	}
	return l.got, lost, nil
}

func (l *light) close(s *signaller) {
	s.leave(l.resource)
	_ = l.dtls.Close()
	_ = l.conn.Close()
	<-l.done
}

// lightPipe is the DTLS part of the socket.
type lightPipe struct{ l *light }

func (p lightPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case r := <-p.l.records:
		return copy(b, r), p.l.conn.RemoteAddr(), nil
	case <-p.l.done:
		return 0, nil, io.EOF
	}
}

func (p lightPipe) WriteTo(b []byte, _ net.Addr) (int, error) { return p.l.conn.Write(b) }
func (p lightPipe) Close() error                              { return p.l.conn.Close() }
func (p lightPipe) LocalAddr() net.Addr                       { return p.l.conn.LocalAddr() }
func (lightPipe) SetDeadline(time.Time) error                 { return nil }
func (lightPipe) SetReadDeadline(time.Time) error             { return nil }
func (lightPipe) SetWriteDeadline(time.Time) error            { return nil }
