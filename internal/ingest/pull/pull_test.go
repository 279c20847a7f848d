package pull

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := Parse("yard rtsp://user:pw@cam.example:554/1 Yard camera")
	if err != nil || got != (Source{"yard", "rtsp://user:pw@cam.example:554/1", "Yard camera"}) {
		t.Error(got, err)
	}
	for _, s := range []string{"", "yard", "yard http://h/x", "yard rtsp:///x", "yard rtsp://user:secret@%zz"} {
		if _, err := Parse(s); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestAddress: a camera's name must not open the inside of the network.
func TestAddress(t *testing.T) {
	p := &Puller{c: Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}
	for a, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1": true, "10.1.2.3": true,
		"10.2.2.3": false, "127.0.0.1": false, "169.254.169.254": false, "192.168.1.1": false, "172.20.0.1": false,
		"100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "168.63.129.16": false,
		"::1": false, "::": false, "fe80::1": false, "fd00::1": false, "ff02::1": false, "64:ff9b::7f00:1": false,
		"2002:7f00:1::1": false, "2001:db8::1": false, "::127.0.0.1": false,
	} {
		if got := p.may(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if _, err := p.dial(context.Background(), "tcp", "localhost:554"); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
}

func TestMasked(t *testing.T) {
	u, _ := url.Parse("rtsp://user:topsecret@host/")
	if s := masked(errors.New("401 for rtsp://user:topsecret@host/"), u); strings.Contains(s, "topsecret") {
		t.Error(s)
	}
}
