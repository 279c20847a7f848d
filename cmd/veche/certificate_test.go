package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"veche.example/internal/config"
)

var someAddrs = []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("127.0.0.1")}

func TestSelfSigned(t *testing.T) {
	made, err := selfSigned(someAddrs, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf := made.cert.Leaf
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, name := range []string{"localhost", "192.0.2.7", "2001:db8::7", "127.0.0.1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if leaf.VerifyHostname("192.0.2.8") == nil {
		t.Error("good for a foreign address")
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 825*24*time.Hour {
		t.Errorf("valid for %s", life)
	}
	if leaf.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("key: %s", leaf.PublicKeyAlgorithm)
	}
}

func TestKeptCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.pem")
	now := time.Now()
	get := func(addrs []netip.Addr, at time.Time) []byte {
		t.Helper()
		cert, err := keptCertificate(path, addrs, at)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Certificate[0]
	}
	first := get(someAddrs, now)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if !bytes.Equal(first, get(someAddrs, now.Add(time.Hour))) || !bytes.Equal(first, get(someAddrs[:1], now)) {
		t.Error("a certificate that fits is not kept")
	}
	moved := get([]netip.Addr{netip.MustParseAddr("198.51.100.1")}, now)
	if bytes.Equal(first, moved) {
		t.Error("the old certificate is used under a new address")
	}
	if bytes.Equal(moved, get([]netip.Addr{netip.MustParseAddr("198.51.100.1")}, now.Add(certificateLife))) {
		t.Error("an expired certificate is used")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	get(someAddrs, now)
}

func TestCertificateFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cert.pem")
	write := func(content []byte, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	var pems [2]pair
	for i := range pems {
		var err error
		if pems[i], err = selfSigned(someAddrs, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	write(pems[0].pem, time.Hour)
	files := &certFiles{cert: path, key: path}
	served := func() *tls.Certificate {
		t.Helper()
		files.checked = time.Time{} // a second later
		cert, err := files.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first := served()
	if served() != first {
		t.Error("read again without need")
	}
	write([]byte("half writ"), 30*time.Minute)
	if served() != first {
		t.Error("a damaged file replaced a good certificate")
	}
	write(pems[1].pem, time.Minute)
	if !bytes.Equal(served().Certificate[0], pems[1].cert.Certificate[0]) {
		t.Error("the new certificate is not served")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(served().Certificate[0], pems[1].cert.Certificate[0]) {
		t.Error("a removed file ended the service")
	}
}

func TestTLSConfig(t *testing.T) {
	if c, err := tlsConfig(config.TLS{}); c != nil || err != nil {
		t.Errorf("off: %v, %v", c, err)
	}
	if _, err := tlsConfig(config.TLS{Cert: "/nowhere/c", Key: "/nowhere/k"}); err == nil {
		t.Error("missing files")
	}
	c, err := tlsConfig(config.TLS{SelfSigned: true})
	if err != nil {
		t.Fatal(err)
	}
	if cert, err := c.GetCertificate(nil); err != nil || cert.Leaf.VerifyHostname("127.0.0.1") != nil {
		t.Errorf("%v, %v", cert, err)
	}
	if c.MinVersion < tls.VersionTLS12 {
		t.Error("old TLS")
	}
}
