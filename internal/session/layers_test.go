package session

import (
	"slices"
	"testing"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/rtc/pace"
	"veche.example/internal/session/allot"
	"veche.example/internal/sfu"
)

// wayPeer is a fakePeer whose way carries what a test says.
type wayPeer struct {
	*fakePeer
	is       pace.Estimate
	demanded int
}

func (p *wayPeer) Estimate() pace.Estimate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.is
}

func (p *wayPeer) Demand(bitrate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.demanded = bitrate
}

// carries is what the way carries from now on.
func (p *wayPeer) carries(bitrate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is.Bitrate = bitrate
}

// stream sends a key frame and, sometimes, packets enough to have a rate of some 100 kbit/s.
func (p *publisher) stream() {
	p.send()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at++
	p.Write(&media.Packet{
		SSRC: 1, Seq: uint16(p.at), Timestamp: uint32(p.at) * 3000, Marker: true, Level: -1, Arrival: media.Now(),
		Payload: append(slices.Clone(keyFrame[p.Codec()]), make([]byte, 200)...),
	})
}

const simulcast = "v=0\r\nm=video 9 x 96\r\na=mid:camera\r\na=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n"

// cinema is a host with three encodings, which send when it is told to, and a guest with one seat.
func cinema(t *testing.T) (host, guest *person, encodings []*publisher) {
	t.Helper()
	h := newHouse(t)
	o := offerOf(1, 0, room.SourceCamera)
	o.SDP = simulcast
	host = h.join(JoinRequest{Name: "host", State: on}).connect(o)
	guest = h.join(JoinRequest{Name: "guest"}).connect(offerOf(1, 1))
	for _, rid := range []string{"l", "m", "h"} {
		p := newPublisher(media.VP8)
		host.peer.config.Handler.Track("camera", rid, p.Track)
		encodings = append(encodings, p)
	}
	return host, guest, encodings
}

func all(list []*publisher) func() {
	return func() {
		for _, p := range list {
			p.send()
		}
	}
}

func (o *outlet) layers(wanted ...int) {
	o.t.Helper()
	o.wait("what is wanted", func(v any) bool {
		l, ok := v.(Layers)
		return ok && len(l) == 1 && l[0].Source == room.SourceCamera && slices.Equal(l[0].Wanted, wanted)
	})
}

func TestSeatShowsALayer(t *testing.T) {
	host, guest, list := cinema(t)
	live := func(index int, why allot.Why) Seat {
		s := pairOf(host.id, SeatNone, SeatLive, "vp8")
		s.Layer, s.Why = Layer{Index: index, Of: 3}, why
		return s
	}
	sized := func(s Seat) Seat { // as far as the packets of the test tell a size
		s.Layer.Width, s.Layer.Height = list[s.Layer.Index].Size()
		return s
	}
	wish := Wish{Member: host.id, Source: room.SourceCamera}
	wish.Width, wish.Height = 320, 180
	guest.see(wish)
	guest.out.seat(sized(live(0, allot.ByTile)), all(list))
	host.out.layers(0)
	wish.Width, wish.Height = 4000, 4000
	guest.see(wish)
	host.out.layers(0, 2)
	guest.out.seat(sized(live(2, "")), list[2].send)
	host.out.layers(2)
	wish.Paused = true
	guest.see(wish)
	paused := pairOf(host.id, SeatNone, SeatPaused, "vp8")
	paused.Why = allot.ByChoice
	guest.out.seat(paused)
	host.out.layers()
}

// A new connection begins with everything, and is told anew what is wanted.
func TestNewConnectionIsToldAgain(t *testing.T) {
	host, guest, list := cinema(t)
	guest.see(Wish{Member: host.id, Source: room.SourceCamera, Width: 320, Height: 180})
	guest.out.seat(pairOf(host.id, SeatNone, SeatLive, "vp8"), all(list))
	host.out.layers(0)
	o := offerOf(2, 0, room.SourceCamera)
	o.SDP = simulcast
	host.connect(o)
	for i, rid := range []string{"l", "m", "h"} {
		list[i] = newPublisher(media.VP8)
		host.peer.config.Handler.Track("camera", rid, list[i].Track)
	}
	host.out.many(2, func(v any) bool { l, ok := v.(Layers); return ok && slices.Equal(l[0].Wanted, []int{0}) }, all(list))
}

// many waits until something was told so often; f is called meanwhile.
func (o *outlet) many(n int, is func(any) bool, f func()) {
	o.t.Helper()
	eventually(o.t, "told so often", func() bool {
		f()
		o.mu.Lock()
		defer o.mu.Unlock()
		count := 0
		for _, v := range o.all {
			if is(v) {
				count++
			}
		}
		return count >= n
	})
}

// The picture that flows is called live while a better one is awaited.
func TestOldLayerGoesOn(t *testing.T) {
	host, guest, list := cinema(t)
	wish := Wish{Member: host.id, Source: room.SourceCamera, Width: 320, Height: 180}
	guest.see(wish)
	guest.out.seat(pairOf(host.id, SeatNone, SeatLive, "vp8"), all(list))
	wish.Width, wish.Height = 4000, 4000
	guest.see(wish)
	host.out.layers(0, 2)
	before, _ := guest.peer.sink("v0").count()
	list[0].send()
	if n, _ := guest.peer.sink("v0").count(); n != before+1 {
		t.Error("the old layer is not sent any more")
	}
	if s, _ := guest.out.seats(); s[0].Video != SeatLive {
		t.Errorf("told %+v", s[0])
	}
}

// An encoding that the publisher does not send although it is asked for is no choice, until it comes.
func TestDeadEncodingIsNoChoice(t *testing.T) {
	tracks := []*publisher{newPublisher(media.VP8), newPublisher(media.VP8)}
	f := newFeed([]string{"h", "l"}, map[string]*sfu.Track{"l": tracks[0].Track, "h": tracks[1].Track},
		map[*sfu.Track]*known{tracks[0].Track: {}, tracks[1].Track: {}})
	if f[0].rid != "l" || f.place(tracks[1].Track) != 1 || f.one() != tracks[0].Track {
		t.Fatalf("order %+v", f)
	}
	now := time.Now()
	live := func() (out []bool) {
		options, _ := f.options()
		for _, o := range options {
			out = append(out, o.Live)
		}
		return out
	}
	for i, step := range []struct {
		after   time.Duration
		wanted  uint8
		sends   []int
		changed bool
		live    []bool
	}{
		{0, 3, []int{0, 1}, false, []bool{true, true}},
		{4 * time.Second, 3, []int{0}, true, []bool{true, false}},
		{250 * time.Millisecond, 1, []int{0}, true, []bool{true, true}}, // nobody asks: it may come
		{time.Second, 3, []int{0}, false, []bool{true, true}},           // it has some time
		{3500 * time.Millisecond, 3, []int{0}, true, []bool{true, false}},
		{250 * time.Millisecond, 3, []int{0, 1}, true, []bool{true, true}},
		{5 * time.Second, 3, nil, true, []bool{true, true}}, // nothing comes at all: what is shown stays
	} {
		now = now.Add(step.after)
		for _, k := range step.sends {
			tracks[k].send()
		}
		if changed := f.refresh(now, step.wanted); changed != step.changed || !slices.Equal(live(), step.live) {
			t.Errorf("step %d: changed %t, live %v", i, changed, live())
		}
	}
}

func TestFeedOrder(t *testing.T) {
	for _, c := range []struct{ rids, want []string }{
		{[]string{"h", "m", "l"}, []string{"l", "m", "h"}},
		{[]string{"f", "h", "q"}, []string{"q", "h", "f"}},
		{[]string{"high", "low"}, []string{"low", "high"}},
		{[]string{"0", "1"}, []string{"0", "1"}}, // sizes are not known: as offered
		{nil, []string{""}},
	} {
		tracks := map[string]*sfu.Track{}
		for _, rid := range c.want[:1] { // the others were not seen yet
			tracks[rid] = newPublisher(media.VP8).Track
		}
		var got []string
		for _, e := range newFeed(c.rids, tracks, nil) {
			got = append(got, e.rid)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: order %v", c.rids, got)
		}
	}
	if f := newFeed([]string{"l", "h"}, nil, nil); f != nil {
		t.Errorf("nothing was seen: %v", f)
	}
	got := ridsOf(simulcast + "m=video 9 x\r\na=mid:b\r\na=rid:x recv\r\na=rid:y send\r\n")
	if len(got) != 1 || !slices.Equal(got["camera"], []string{"h", "m", "l"}) {
		t.Errorf("rids %v", got)
	}
}

// What the way does not carry is not sent, the most important last; the client is told why.
func TestWayDecides(t *testing.T) {
	var way *wayPeer // of who has connected last
	h := newHouse(t, func(c *Config) {
		plain := c.NewPeer
		c.NewPeer = func(pc rtc.PeerConfig) (Peer, error) {
			p, err := plain(pc)
			way = &wayPeer{fakePeer: p.(*fakePeer), is: pace.Estimate{Bitrate: 9_000_000}}
			return way, err
		}
	})
	host := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera, room.SourceScreen))
	guest := h.join(JoinRequest{}).connect(offerOf(1, 2))
	camera, screen := host.publish(room.SourceCamera, media.VP8), host.publish(room.SourceScreen, media.VP8)
	send := func() { camera.stream(); screen.stream() }
	guest.see(Wish{Seat: 0, Member: host.id, Source: room.SourceCamera}, Wish{Seat: 1, Member: host.id, Source: room.SourceScreen})
	face := pairOf(host.id, SeatNone, SeatLive, "vp8")
	slides := Seat{Seat: 1, Member: host.id, Source: room.SourceScreen, Audio: SeatNone, Video: SeatLive, Codec: "vp8"}
	guest.out.seat(face, send)
	guest.out.seat(slides, send)
	eventually(t, "rates", func() bool { send(); return camera.Rate(sfu.Top) > 0 && screen.Rate(sfu.Top) > 0 })
	way.carries(screen.Rate(sfu.Top) * 3 / 2)
	guest.out.wait("the way is told", func(v any) bool { l, ok := v.(Link); return ok && l.Estimate == 9_000_000 && !l.Limited })
	face.Video, face.Why = SeatPaused, allot.ByBandwidth
	guest.out.seat(face, send)
	guest.out.seat(slides, send)
	host.out.layers() // nobody gets the camera
	way.carries(9_000_000)
	guest.out.seat(pairOf(host.id, SeatNone, SeatLive, "vp8"), send)
	host.out.layers(0)
	way.mu.Lock()
	defer way.mu.Unlock()
	if way.demanded < camera.Rate(sfu.Top) {
		t.Errorf("demanded %d bit/s", way.demanded)
	}
}

func TestSeated(t *testing.T) {
	view := func(list ...string) (out []Wish) {
		for i, m := range list {
			out = append(out, Wish{Seat: i, Member: m, Source: room.SourceCamera})
		}
		return out
	}
	ids := func(list ...string) []string { return list }
	for name, c := range map[string]struct {
		wishes  []Wish
		h       hearing
		speaker string
		had     map[int]string
		want    []string
	}{
		"nothing to replace":     {view("a", First), hearing{}, "b", nil, ids("a", First)},
		"who speaks":             {view(Speaker, "a"), hearing{}, "b", nil, ids("b", "a")},
		"nobody speaks":          {view(Speaker), hearing{}, "", nil, ids(First)},
		"the loud":               {view("a", Loud, Loud), hearing{loud: ids("a", "b", "me", "c", "d"), talking: ids("a", "c")}, "", nil, ids("a", "b", "c")},
		"the speaker is seated":  {view(Speaker, Loud), hearing{loud: ids("b"), talking: ids("b")}, "b", nil, ids("b", "")},
		"kept":                   {view(Loud, Loud), hearing{loud: ids("a", "b"), talking: ids("a", "b")}, "", map[int]string{0: "b"}, ids("b", "a")},
		"silent ones make way":   {view(Loud), hearing{loud: ids("a", "b"), talking: ids("b")}, "", map[int]string{0: "a"}, ids("b")},
		"kept although silent":   {view(Loud, Loud), hearing{loud: ids("a", "b", "c"), talking: ids("c")}, "", map[int]string{0: "b"}, ids("b", "c")},
		"not the loud any more":  {view(Loud), hearing{loud: ids("b"), quiet: ids("a")}, "", map[int]string{0: "a"}, ids("b")},
		"more seats than voices": {view(Loud, Loud), hearing{loud: ids("a")}, "", nil, ids("", "a")},
	} {
		var got []string
		for _, w := range seated(c.wishes, c.h, c.speaker, "me", func(seat int) string { return c.had[seat] }) {
			got = append(got, w.Member)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDemand(t *testing.T) {
	low, top := sfu.Level{}, sfu.Top
	for _, c := range []struct{ a, b, want demand }{
		{demand{}, demand{}, demand{}}, {demand{1, low}, demand{}, demand{1, low}}, {demand{}, demand{4, top}, demand{4, top}},
		{demand{1, low}, demand{4, top}, demand{5, top}},
		{demand{2, sfu.Level{Spatial: 1}}, demand{2, sfu.Level{Temporal: 1}}, demand{2, sfu.Level{Spatial: 1, Temporal: 1}}},
	} {
		if got := c.a.and(c.b); got != c.want {
			t.Errorf("%+v and %+v: %+v", c.a, c.b, got)
		}
	}
	told := demand{5, sfu.Level{Spatial: 1, Temporal: 2}}.told(room.SourceCamera, 3)
	if !slices.Equal(told.Wanted, []int{0, 2}) || told.Spatial != 1 || told.Temporal != All {
		t.Errorf("told %+v", told)
	}
	if none := (demand{}).told(room.SourceScreen, 3); none.Wanted == nil || len(none.Wanted) > 0 || none.Spatial != All {
		t.Errorf("told %+v", none)
	}
}

// The traffic of a room is not lost with its tracks, nor that of the server with its rooms.
func TestTraffic(t *testing.T) {
	host, guest, _, camera := studio(t)
	h := host.h
	guest.see(Wish{Member: host.id, Source: room.SourceCamera})
	guest.out.seat(pairOf(host.id, SeatWaiting, SeatLive, "vp8"), camera.send)
	before, rooms := h.Traffic(9)
	if before.PacketsIn == 0 || before.PacketsOut == 0 || before.KeyFrames == 0 || len(rooms) != 1 || rooms[0].Traffic != before || rooms[0].Room != "r" {
		t.Fatalf("%+v, rooms %+v", before, rooms)
	}
	if _, none := h.Traffic(0); len(none) != 0 {
		t.Errorf("%d rooms", len(none))
	}
	host.peer.config.Handler.Ended("camera", "", camera.Track)
	if after, _ := h.Traffic(9); after.PacketsIn != before.PacketsIn {
		t.Errorf("with the track went its packets: %+v", after)
	}
	guest.do(room.Leave{})
	host.do(room.Leave{})
	guest.out.removed(room.CodeLeft)
	host.out.removed(room.CodeLeft)
	eventually(t, "the room is gone", func() bool { _, rooms := h.Traffic(9); return len(rooms) == 0 })
	if after, _ := h.Traffic(9); after.PacketsIn != before.PacketsIn || after.PacketsOut != before.PacketsOut {
		t.Errorf("with the room went its packets: %+v", after)
	}
}
