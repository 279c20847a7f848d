package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"veche.example"
	"veche.example/internal/vtest"
)

// The roles of calls over bad networks: the whole server with publishers beside it, viewers and publishers of Pion. Each answers
// each order with what it has counted since it began. test/e2e/badnet.mjs starts them too, beside a browser.

// order is what a child is asked for. The first one says what it is to be.
type order struct {
	Publishers int  // of the server; the seats of a viewer
	Mark       bool // delays and gaps are measured anew from here
}

// sight is what a child has counted.
type sight struct {
	ID     string
	Error  string `json:",omitempty"` // of the session
	Live   int    // seats with a picture
	Layer  []int  // of each seat that has one, 0 = the least; -1 = paused
	Frames uint64
	Video  uint64 // packets
	Audio  uint64
	// Packets of sound that are missing, of pictures likewise; what was asked for again.
	AudioLost, VideoLost uint64
	vtest.Repairs
	Delay    float64 // ms, of the pictures with stamps: the median
	Sound    float64 // ms, longest time without a packet
	Picture  float64
	Estimate int
	Lost     float64 // percent, as the server sees it
	RTT      float64 // ms, likewise
	Limited  bool
	Others   int // in the room
	// Of the server.
	Heap, Goroutines            int
	ServerAsked, ServerNeedless uint64 // of publishers
}

// room is where all of it happens.
const badRoom = "r"

func badBot() vtest.Bot {
	return vtest.Bot{URL: hubURL, Room: badRoom, Publish: true, Layers: true, Levels: true, RED: true, Stamps: true}
}

// badServer is the whole server with publishers beside it.
func badServer(in *json.Decoder, out *json.Encoder) error {
	var o order
	if err := in.Decode(&o); err != nil {
		return ignoreEOF(err)
	}
	s, stop, err := serve()
	if err != nil {
		return err
	}
	defer stop()
	bots, err := vtest.Fill(context.Background(), o.Publishers, badBot())
	if err != nil {
		return err
	}
	for _, b := range bots {
		defer b.Close()
		b.Speak(20)
	}
	for {
		var v sight
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		v.Heap, v.Goroutines = int(m.HeapInuse), runtime.NumGoroutine()
		v.ServerAsked, v.ServerNeedless = metric(s, "veche_asked_packets_total"), metric(s, "veche_needless_asked_packets_total")
		if len(bots) > 0 {
			v.Others = len(bots[0].State().Members)
		}
		if err := out.Encode(v); err != nil {
			return err
		}
		if err := in.Decode(&o); err != nil {
			return ignoreEOF(err)
		}
	}
}

// metric reads one of the server's figures.
func metric(s *veche.Server, name string) uint64 {
	w := httptest.NewRecorder()
	s.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for lines := bufio.NewScanner(w.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			f, _ := strconv.ParseFloat(value, 64)
			return uint64(f)
		}
	}
	return 0
}

// badViewer watches all publishers.
func badViewer(in *json.Decoder, out *json.Encoder) error {
	var o order
	if err := in.Decode(&o); err != nil {
		return ignoreEOF(err)
	}
	b := vtest.Bot{URL: hubURL, Room: badRoom, Seats: o.Publishers, Watch: true, Reports: true, Stamps: true, Width: 640, Height: 360}
	return badClient(b, in, out)
}

// badPublisher publishes from a client.
func badPublisher(in *json.Decoder, out *json.Encoder) error {
	var o order
	if err := in.Decode(&o); err != nil {
		return ignoreEOF(err)
	}
	return badClient(badBot(), in, out)
}

func badClient(b vtest.Bot, in *json.Decoder, out *json.Encoder) error {
	c, err := b.Join(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	c.Speak(20)
	for {
		if err := out.Encode(look(c)); err != nil {
			return err
		}
		var o order
		if err := in.Decode(&o); err != nil {
			return ignoreEOF(err)
		}
		if o.Mark {
			c.Mark()
		}
	}
}

// look is what a client has counted.
func look(c *vtest.Client) sight {
	s := c.State()
	v := sight{ID: c.ID(), Others: len(s.Members)}
	if s.Closed {
		v.Error = "the session is over"
	}
	var delays []time.Duration
	for _, seat := range s.Seats {
		layer := -1
		if seat.SeatInfo.Video == "live" {
			v.Live++
			layer = 0
			if seat.Layer != nil {
				layer = seat.Layer.Index
			}
		}
		v.Layer = append(v.Layer, layer)
		v.Frames += seat.Video.Frames
		v.Video, v.VideoLost = v.Video+seat.Video.Packets, v.VideoLost+seat.Video.Lost
		v.Audio, v.AudioLost = v.Audio+seat.Audio.Packets, v.AudioLost+seat.Audio.Lost
		v.Repairs.Asked += seat.Video.Asked
		v.Repaired += seat.Video.Repaired
		v.Missing += seat.Video.Missing
		v.Repairs.Needless += seat.Video.Needless
		delays = append(delays, seat.Video.Delays...)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	if slices.Sort(delays); len(delays) > 0 {
		v.Delay = ms(delays[len(delays)/2])
	}
	sound, picture := s.Gaps(time.Now())
	v.Sound, v.Picture = ms(sound), ms(picture)
	if s.Link != nil {
		v.Estimate, v.Lost, v.RTT, v.Limited = s.Link.Estimate, s.Link.Lost, float64(s.Link.RTT), s.Link.Limited
	}
	return v
}
