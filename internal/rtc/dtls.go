package rtc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"

	"veche.example/internal/rtc/sdp"
	"veche.example/internal/rtc/seal"
)

const (
	// flight is the first retransmission interval: RFC 6347 says 1 s, which a lost packet turns into a slow join.
	flight     = 80 * time.Millisecond
	handshake  = 30 * time.Second
	maxRecords = 64 // DTLS datagrams not read yet
	dtlsMTU    = 1200
)

// profiles of SRTP, best first: GCM costs a seventh of SHA1 (RFC 7714, RFC 5764).
var profiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

// curves of the key agreement: everybody has P-256 (RFC 8827 §6.5), which costs a third of X25519 in Go. The library takes
// the client's first one that is in this list.
var curves = []elliptic.Curve{elliptic.P256, elliptic.P384}

// silent is the logger of the DTLS library; what matters comes back as an error.
var silent = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled, ScopeLevels: map[string]logging.LogLevel{}}

// dtlsSide is the DTLS association of a peer. It is one for life: an ICE restart changes the path below it. Records
// come from checked paths only and go to the selected one.
type dtlsSide struct {
	p       *Peer
	in      *packetio.Buffer
	started atomic.Bool
	up      atomic.Bool // the handshake is done
	over    atomic.Bool // the library has closed its socket

	mu     sync.Mutex // guards the following
	ready  bool       // there was an offer
	client bool       // we are the client
	prints []sdp.Fingerprint
	conn   *dtls.Conn
}

func (d *dtlsSide) init(p *Peer) {
	d.p, d.in = p, packetio.NewBuffer()
	d.in.SetLimitCount(maxRecords)
}

// configure sets what the first offer says.
func (d *dtlsSide) configure(t sdp.Transport) {
	d.mu.Lock()
	d.ready, d.client, d.prints = true, t.Setup == "passive", t.Fingerprints
	d.mu.Unlock()
}

// start begins when the first path is there.
func (d *dtlsSide) start() {
	if d.started.Load() || !d.started.CompareAndSwap(false, true) {
		return
	}
	d.p.spawn("dtls", d.run)
}

// push takes one datagram of DTLS.
func (d *dtlsSide) push(b []byte) {
	if _, err := d.in.Write(b); err != nil {
		d.p.drop(dropDTLSFull)
	}
}

// run does the handshake.
func (d *dtlsSide) run() {
	conn, err := d.open()
	if err == nil {
		ctx, cancel := context.WithTimeout(d.p.ctx, handshake)
		err = conn.HandshakeContext(ctx)
		cancel()
	}
	if err == nil {
		err = d.keys(conn)
	}
	if err != nil {
		text := "DTLS: " + err.Error()
		if strings.Contains(text, "elliptic curves") { // the library does not say which
			text += "; the client must offer P-256 (RFC 8827 §6.5)"
		}
		d.p.end(Failed, text)
		return
	}
	d.up.Store(true)
	if d.over.Load() {
		d.gone()
	}
}

// gone is told that the association is over. Nobody waits for data in it, since there is no SCTP: the library closes its
// socket when the client says goodbye.
func (d *dtlsSide) gone() { d.p.end(Closed, "the client has closed the connection") }

// open makes the DTLS connection.
func (d *dtlsSide) open() (*dtls.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ready || d.p.ended() {
		return nil, ErrClosed
	}
	prints := d.prints
	common := []dtls.Option{
		dtls.WithCertificates(d.p.engine.cert),
		dtls.WithSRTPProtectionProfiles(profiles...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // certificates are self-signed: the fingerprint is what counts (RFC 5763 §5)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || !sdp.Match(prints, raw[0]) {
				return errFingerprint
			}
			return nil
		}),
		dtls.WithEllipticCurves(curves...),
		dtls.WithFlightInterval(flight),
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(silent),
	}
	pipe := dtlsPipe{d}
	var err error
	if d.client {
		opts := make([]dtls.ClientOption, len(common))
		for i, o := range common {
			opts[i] = o
		}
		d.conn, err = dtls.ClientWithOptions(pipe, pipe.LocalAddr(), opts...)
	} else {
		// ICE has proved that the address is the client's: no cookie is needed (RFC 6347 §4.2.1), which saves a round trip.
		opts := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range common {
			opts = append(opts, o)
		}
		d.conn, err = dtls.ServerWithOptions(pipe, pipe.LocalAddr(), opts...)
	}
	return d.conn, err
}

var errFingerprint = errors.New("the certificate is not the one whose fingerprint was signalled")

// close ends the association and waits for the library's goroutines; that of run ends with it.
func (d *dtlsSide) close() {
	d.mu.Lock()
	conn := d.conn
	d.ready = false
	d.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	_ = d.in.Close()
	for conn != nil && d.up.Load() {
		if _, err := conn.Read(make([]byte, bufferSize)); err != nil { // the reader of the library has ended
			break
		}
	}
}

// keys derives the keys of SRTP (RFC 5764 §4.2) and lets media through.
func (d *dtlsSide) keys(conn *dtls.Conn) error {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("no SRTP profile in common")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("no state")
	}
	profile := srtp.ProtectionProfile(chosen)
	enc, dec, err := seal.Derive(&state, profile, d.client)
	if err != nil {
		return fmt.Errorf("SRTP: %w", err)
	}
	p := d.p
	name := profile.String()
	p.profile.Store(&name)
	p.tx.keys.Store(enc)
	// The UDP port sees by this that our handshake is over, and lets the next one on the same address begin.
	p.tx.rtcp(&rtcp.ReceiverReport{SSRC: p.tx.ssrc})
	p.setState(Connected)
	p.rx.openKeys(dec)
	refreshAll(p.outbounds())
	return nil
}

// dtlsPipe is what the DTLS library sees as a socket.
type dtlsPipe struct{ d *dtlsSide }

func (p dtlsPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.d.in.Read(b)
	return n, p.LocalAddr(), err
}

// WriteTo sends to the selected path; without one the datagram is lost, as it may be on any network.
func (p dtlsPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	pa := p.d.p.ice.selected.Load()
	if pa == nil || pa.out.Send(b, pa.remote) != nil {
		p.d.p.drop(dropSend)
	}
	return len(b), nil
}

func (p dtlsPipe) Close() error {
	p.d.over.Store(true)
	if p.d.up.Load() {
		p.d.gone()
	}
	return p.d.in.Close()
}

func (p dtlsPipe) LocalAddr() net.Addr                { return &net.UDPAddr{} }
func (p dtlsPipe) SetDeadline(t time.Time) error      { return p.d.in.SetReadDeadline(t) }
func (p dtlsPipe) SetReadDeadline(t time.Time) error  { return p.d.in.SetReadDeadline(t) }
func (p dtlsPipe) SetWriteDeadline(_ time.Time) error { return nil }
