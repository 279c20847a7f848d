package veche_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pion/webrtc/v4"

	"veche.example"
	"veche.example/internal/vtest"
)

// TestOverload: above limits.cpu nobody new is let in, by whatever protocol, and is told to come back; those who are there
// keep every picture, may come back themselves, and when the load is gone all may join again.
func TestOverload(t *testing.T) {
	l := newWHIPLab(t, func(c *veche.Config) { c.Limits.CPU = 80 })
	var share atomic.Uint64
	l.server.FakeLoad(func() float64 { return math.Float64frombits(share.Load()) })
	ctx, cancel := context.WithTimeout(context.Background(), 2*whipPatience)
	defer cancel()
	join := func(b vtest.Bot) (*vtest.Client, error) {
		b.URL, b.Room = l.base, "tea"
		c, err := b.Join(ctx)
		if err == nil {
			t.Cleanup(c.Close)
		}
		return c, err
	}
	must := func(b vtest.Bot) *vtest.Client {
		t.Helper()
		c, err := join(b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	must(vtest.Bot{Name: "sends", Publish: true})
	sees := must(vtest.Bot{Name: "sees", Seats: 1, Watch: true})
	pictures := func(n uint64) {
		t.Helper()
		was := sees.State().Seats[0].Video
		if err := sees.Until(ctx, func(s vtest.State) bool { return s.Seats[0].Video.Frames >= was.Frames+n }); err != nil {
			t.Fatalf("pictures: %v; %+v", err, sees.State().Seats[0])
		}
	}
	pictures(5)
	share.Store(math.Float64bits(0.81))
	for _, target := range []string{"whip/tea", "whep/tea"} {
		direction := webrtc.RTPTransceiverDirectionSendonly
		if target == "whep/tea" {
			direction = webrtc.RTPTransceiverDirectionRecvonly
		}
		status, header, body := l.request("POST", l.base+target, l.newPeer(direction).offer(nil), "Content-Type: application/sdp")
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, "overloaded") {
			t.Errorf("%s: %d %v %s", target, status, header, body)
		}
	}
	for range 20 {
		var refused *vtest.Error
		if _, err := join(vtest.Bot{Name: "late"}); !errors.As(err, &refused) || refused.Code != "overloaded" {
			t.Fatalf("a new one got %v", err)
		}
	}
	before := sees.State().Seats[0].Video
	pictures(30)
	if now := sees.State().Seats[0].Video; now.Lost > before.Lost {
		t.Errorf("%d packets were lost for who was there", now.Lost-before.Lost)
	}
	back := must(vtest.Bot{Name: "sees", Resume: sees.Welcome().Resume})
	if back.ID() != sees.ID() {
		t.Error("who came back is another one")
	}
	share.Store(math.Float64bits(0.79))
	must(vtest.Bot{Name: "late"})
	l.play("tea").watch("after the load")
}
