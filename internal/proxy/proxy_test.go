package proxy

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestOf(t *testing.T) {
	trust := New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")})
	type h map[string]string
	cases := []struct {
		name, remote string
		tls          bool
		head         h
		want         Origin
	}{
		{"direct", "192.0.2.1:99", false, nil, Origin{IP: netip.MustParseAddr("192.0.2.1"), Scheme: "http", Host: "veche.test"}},
		{"direct tls", "192.0.2.1:99", true, nil, Origin{IP: netip.MustParseAddr("192.0.2.1"), Scheme: "https", Host: "veche.test"}},
		{"mapped", "[::ffff:192.0.2.1]:99", false, nil, Origin{IP: netip.MustParseAddr("192.0.2.1"), Scheme: "http", Host: "veche.test"}},
		{"stranger forges", "192.0.2.1:99", false, h{"X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "X-Forwarded-Prefix": "/p"},
			Origin{IP: netip.MustParseAddr("192.0.2.1"), Scheme: "http", Host: "veche.test"}},
		{"proxy", "10.1.1.1:99", false, h{"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "meet.test", "X-Forwarded-Prefix": "/veche/"},
			Origin{IP: netip.MustParseAddr("192.0.2.7"), Scheme: "https", Host: "meet.test", Prefix: "/veche"}},
		{"client forged the left of the list", "10.1.1.1:99", false, h{"X-Forwarded-For": "6.6.6.6, 192.0.2.7, 10.2.2.2"},
			Origin{IP: netip.MustParseAddr("192.0.2.7"), Scheme: "http", Host: "veche.test"}},
		{"only proxies", "10.1.1.1:99", false, h{"X-Forwarded-For": "10.9.9.9"}, Origin{IP: netip.MustParseAddr("10.9.9.9"), Scheme: "http", Host: "veche.test"}},
		{"garbage", "10.1.1.1:99", false, h{"X-Forwarded-For": "x", "X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "a b", "X-Forwarded-Prefix": "//evil.test"},
			Origin{IP: netip.MustParseAddr("10.1.1.1"), Scheme: "http", Host: "veche.test", Prefix: "/evil.test"}},
		{"prefix with scheme", "127.0.0.1:1", false, h{"X-Forwarded-Prefix": "javascript:alert(1)"}, Origin{IP: netip.MustParseAddr("127.0.0.1"), Scheme: "http", Host: "veche.test"}},
		{"no peer", "pipe", false, nil, Origin{Scheme: "http", Host: "veche.test"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://veche.test/", nil)
			r.RemoteAddr = c.remote
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for k, v := range c.head {
				r.Header.Set(k, v)
			}
			if d := cmp.Diff(c.want, trust.Of(r), cmpopts.EquateComparable(netip.Addr{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHostname(t *testing.T) {
	for in, want := range map[string]string{"a.test": "a.test", "a.test:8080": "a.test", "[::1]:8080": "::1", "[::1]": "::1"} {
		if got := (Origin{Host: in}).Hostname(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("10.0.0.1:1", "1.2.3.4, 10.0.0.2", "https", "h", "/p")
	trust := New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	f.Fuzz(func(t *testing.T, remote, xff, proto, host, prefix string) {
		r := &http.Request{RemoteAddr: remote, Host: "veche.test", Header: http.Header{
			"X-Forwarded-For": {xff}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}, "X-Forwarded-Prefix": {prefix}}}
		o := trust.Of(r)
		if o.Scheme != "http" && o.Scheme != "https" {
			t.Fatalf("scheme %q", o.Scheme)
		}
		if o.Prefix != "" && (o.Prefix[0] != '/' || len(o.Prefix) > 1 && o.Prefix[1] == '/') {
			t.Fatalf("prefix %q", o.Prefix)
		}
	})
}
