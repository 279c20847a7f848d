package lab

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"veche.example"
	"veche.example/internal/vtest"
)

// publishers are in the room of the whole server.
const publishers = 8

// view is what a watcher says of its seats.
type view struct {
	Ready        bool
	Live, Narrow int // seats with a picture; that do not show the best for want of bandwidth
	Estimate     int
	Limited      bool
	Sound, Lost  uint64
}

// whole is the whole server in the hub, with a room of publishers in three encodings.
func whole(in *json.Decoder, out *json.Encoder) error {
	_, closeServer, err := serve()
	if err != nil {
		return err
	}
	defer closeServer()
	for range publishers {
		p, err := vtest.Bot{URL: hubURL, Room: "r", Publish: true, Layers: true, Levels: true}.Join(context.Background())
		if err != nil {
			return err
		}
		defer p.Close()
	}
	if err := out.Encode(view{Ready: true}); err != nil {
		return err
	}
	var end view
	return ignoreEOF(in.Decode(&end))
}

// hubURL is where the whole server is.
const hubURL = "http://" + hubIP + ":8080/"

// serve starts the whole server in the hub.
func serve() (s *veche.Server, stop func(), err error) {
	c := veche.DefaultConfig()
	c.Auth.OpenRooms = true
	c.Media.UDP, c.Media.TCP, c.Media.IPs = hubIP+":7788", hubIP+":7789", []netip.Addr{netip.MustParseAddr(hubIP)}
	if s, err = veche.New(c); err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", hubIP+":8080")
	if err != nil {
		_ = s.Close(context.Background())
		return nil, nil, err
	}
	web := &http.Server{Handler: s}
	go func() { _ = web.Serve(l) }()
	return s, func() {
		_ = web.Close()
		_ = s.Close(context.Background())
	}, nil
}

// watcher watches all of them, and says what it sees when it is asked.
func watcher(in *json.Decoder, out *json.Encoder) error {
	w, err := vtest.Bot{URL: hubURL, Room: "r", Seats: publishers, Watch: true, Reports: true}.Join(context.Background())
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		var v view
		if err := in.Decode(&v); err != nil {
			return ignoreEOF(err)
		}
		s := w.State()
		for _, seat := range s.Seats {
			if seat.SeatInfo.Video == "live" {
				v.Live++
			}
			if seat.Why == "bandwidth" {
				v.Narrow++
			}
			v.Sound, v.Lost = v.Sound+seat.Audio.Packets, v.Lost+seat.Audio.Lost
		}
		if s.Link != nil {
			v.Estimate, v.Limited = s.Link.Estimate, s.Link.Limited
		}
		if s.Closed {
			return errors.New("the session is over")
		}
		if err := out.Encode(v); err != nil {
			return err
		}
	}
}

// TestWhole is a subscriber of eight publishers behind a whole server, whose link gets too slow for the best pictures and
// fast again: the pictures follow, and sound is kept.
func TestWhole(t *testing.T) {
	t.Parallel()
	s := NewStar(t, 1)
	s.Do("downrate", "1", "4")
	var v view
	server := s.Start("h", "whole")
	server.Receive(&v, 30*time.Second)
	w := s.Start("1", "watcher")
	until := func(what string, most time.Duration, like func(view) bool) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			w.Send(view{})
			v = view{}
			w.Receive(&v, 20*time.Second)
			if like(v) {
				t.Logf("%s after %v: %+v", what, time.Since(began).Round(10*time.Millisecond), v)
				return
			}
			if time.Since(began) > most {
				t.Fatalf("not %s within %v: %+v", what, most, v)
			}
		}
	}
	best := func(v view) bool { return v.Live == publishers && v.Narrow == 0 && !v.Limited }
	until("all at their best", 15*time.Second, best)
	s.Do("downrate", "1", "0.5")
	until("smaller", 4*time.Second, func(v view) bool { return v.Narrow > 0 && v.Limited })
	sound, lost, began := v.Sound, v.Lost, time.Now()
	until("heard for 6 s", 8*time.Second, func(view) bool { return time.Since(began) > 6*time.Second })
	if n := v.Sound - sound; n < 600 || v.Lost-lost > n/50 {
		t.Errorf("%d packets of sound, %d lost", n, v.Lost-lost)
	}
	s.Do("downrate", "1", "4")
	until("back", 16*time.Second, best)
}
