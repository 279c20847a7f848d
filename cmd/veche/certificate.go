package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"veche.example/internal/config"
)

// certificateLife is short enough for Apple's devices, which refuse more than 825 days.
const certificateLife = 365 * 24 * time.Hour

// tlsConfig returns nil when HTTPS is off.
func tlsConfig(c config.TLS) (*tls.Config, error) {
	switch {
	case !c.Enabled():
		return nil, nil
	case c.SelfSigned:
		addrs, err := ownAddrs()
		if err != nil {
			return nil, err
		}
		pair, err := selfSigned(addrs, time.Now())
		if err != nil {
			return nil, err
		}
		return tlsWith(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair.cert, nil }), nil
	}
	files := &certFiles{cert: c.Cert, key: c.Key}
	if _, err := files.get(nil); err != nil {
		return nil, err
	}
	return tlsWith(files.get), nil
}

func tlsWith(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: get}
}

// certFiles is a certificate that is read again when its file changes: whoever renews it need not
// restart the server.
type certFiles struct {
	cert, key string

	mu      sync.Mutex // guards the following
	current *tls.Certificate
	changed time.Time // of the file behind current
	checked time.Time
}

// get keeps the old certificate while the new one cannot be read: it may be half written.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.current != nil && now.Sub(f.checked) < time.Second {
		return f.current, nil
	}
	f.checked = now
	info, err := os.Stat(f.cert)
	if err == nil && f.current != nil && info.ModTime().Equal(f.changed) {
		return f.current, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(f.cert, f.key); err == nil {
			f.current, f.changed = &pair, info.ModTime()
			return f.current, nil
		}
	}
	if f.current != nil {
		return f.current, nil
	}
	return nil, fmt.Errorf("http.tls.cert: %q: %w", f.cert, err)
}

// pair is a certificate with its PEM form, key first.
type pair struct {
	cert tls.Certificate
	pem  []byte
}

// selfSigned makes a certificate for this machine's names and addresses.
func selfSigned(addrs []netip.Addr, now time.Time) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Veche on this machine"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},

		BasicConstraintsValid: true,
	}
	if name, err := os.Hostname(); err == nil && name != "" && name != "localhost" {
		template.DNSNames = append(template.DNSNames, name, name+".local")
	}
	for _, a := range addrs {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pair{}, err
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	cert, err := tls.X509KeyPair(text, text)
	return pair{cert, text}, err
}

// keptCertificate is the one in the file if it still fits, else a new one, kept there: a phone that has
// been told to trust it shall not ask again after a restart.
func keptCertificate(path string, addrs []netip.Addr, now time.Time) (tls.Certificate, error) {
	if text, err := os.ReadFile(path); err == nil {
		if cert, err := tls.X509KeyPair(text, text); err == nil && fits(cert.Leaf, addrs, now) {
			return cert, nil
		}
	}
	made, err := selfSigned(addrs, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return made.cert, err
	}
	return made.cert, writePrivate(path, made.pem)
}

func fits(leaf *x509.Certificate, addrs []netip.Addr, now time.Time) bool {
	if now.Before(leaf.NotBefore) || now.Add(24*time.Hour).After(leaf.NotAfter) {
		return false
	}
	for _, a := range addrs {
		if leaf.VerifyHostname(a.String()) != nil {
			return false
		}
	}
	return true
}

// ownAddrs are the addresses of the interfaces that are up: what others can use first, loopback last,
// link-local IPv6 never.
func ownAddrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var four, six, loopback []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		switch addr := prefix.Addr().Unmap(); {
		case addr.IsLoopback():
			loopback = append(loopback, addr)
		case addr.IsLinkLocalUnicast():
		case addr.Is4():
			four = append(four, addr)
		default:
			six = append(six, addr)
		}
	}
	return append(append(four, six...), loopback...), nil
}
