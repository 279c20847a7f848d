package feed

import (
	"bytes"
	"errors"
	"log/slog"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"veche.example/internal/ffmpeg"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// audience is a publisher whose tracks are each shown by a slot that records.
type audience struct {
	mu    sync.Mutex // guards the following
	slots map[room.Source]*sfu.Slot
	got   map[room.Source][]*rtp.Packet
	came  chan struct{}
	ended map[room.Source]int
}

func newAudience() *audience {
	return &audience{slots: map[room.Source]*sfu.Slot{}, got: map[room.Source][]*rtp.Packet{}, came: make(chan struct{}, 1), ended: map[room.Source]int{}}
}

type recorder func(*rtp.Packet)

func (f recorder) WriteRTP(h *rtp.Header, payload []byte, _ sfu.Way) error {
	f(&rtp.Packet{Header: *h, Payload: bytes.Clone(payload)})
	return nil
}

func (a *audience) Track(s room.Source, c sfu.TrackConfig) (*sfu.Track, error) {
	track := sfu.NewTrack(c)
	slot := sfu.NewSlot(c.Codec.Kind(), recorder(func(p *rtp.Packet) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got[s] = append(a.got[s], p)
		select {
		case a.came <- struct{}{}:
		default:
		}
	}))
	var b sfu.Binding
	b.SSRC, b.Payload[c.Codec] = 1, sfu.Payload{Negotiated: true, Type: 96}
	slot.Bind(b)
	a.mu.Lock()
	a.slots[s] = slot
	a.mu.Unlock()
	return track, slot.Show(track)
}

func (a *audience) End(s room.Source) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended[s]++
}

func (a *audience) packets(s room.Source) []*rtp.Packet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.got[s]
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestH264(t *testing.T) {
	a := newAudience()
	f := New(a, quiet())
	l, err := f.Open(room.SourceCamera, media.H264)
	if err != nil {
		t.Fatal(err)
	}
	l.Learn([]byte{0x67, 1}, nil, []byte{0x68, 2})
	idr := append([]byte{0x65}, make([]byte, 3000)...)
	for i, u := range [][][]byte{{{0x09, 0xf0}, idr}, {{0x41, 9}}, {{0x67, 3}, {0x68, 4}, idr}} {
		if err := l.Write(Unit{PTS: time.Hour*40 + time.Duration(i)*40*time.Millisecond, Data: u}); err != nil {
			t.Fatal(err)
		}
	}
	got := a.packets(room.SourceCamera)
	if len(got) < 7 {
		t.Fatal(len(got), "packets")
	}
	first := got[0].Payload
	if first[0]&0x1f != 24 || !bytes.Contains(first, []byte{0x67, 1}) || !bytes.Contains(first, []byte{0x68, 2}) {
		t.Errorf("no parameter sets before the picture: %x", first[:min(len(first), 16)])
	}
	times := map[uint32]int{}
	for i, p := range got {
		times[p.Timestamp-got[0].Timestamp]++
		if len(p.Payload) > maxPayload || p.SequenceNumber != got[0].SequenceNumber+uint16(i) {
			t.Error("packet", i, len(p.Payload), p.SequenceNumber)
		}
	}
	if times[0] < 3 || times[3600] != 1 || times[7200] < 3 || len(times) != 3 {
		t.Error(times)
	}
	l.Close()
	if a.ended[room.SourceCamera] != 1 {
		t.Error("not ended")
	}
}

// TestSync: sound and picture of one moment are one moment in the reports too, however late one of them comes.
func TestSync(t *testing.T) {
	a := newAudience()
	f := New(a, quiet())
	now := int64(10e9)
	f.now = func() int64 { return now }
	sound, err := f.Open(room.SourceMic, media.Opus)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := f.Open(room.SourceCamera, media.VP8)
	if err != nil {
		t.Fatal(err)
	}
	key := []byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0}
	write := func(l *Line, pts time.Duration, b []byte) {
		t.Helper()
		if err := l.Write(Unit{PTS: pts, Data: [][]byte{b}}); err != nil {
			t.Fatal(err)
		}
	}
	write(sound, time.Second, []byte{0xfc, 1})
	now += 300e6
	write(picture, time.Second, key)
	report := func(s room.Source) (ntp time.Duration, ts uint32) {
		t.Helper()
		sr, ok := a.slots[s].SenderReport(now)
		if !ok {
			t.Fatal("no report for", s)
		}
		return time.Duration(sr.NTPTime>>32)*time.Second + time.Duration(sr.NTPTime&0xffffffff*1e9>>32), sr.RTPTime
	}
	n1, t1 := report(room.SourceMic)
	n2, t2 := report(room.SourceCamera)
	// When each source's first packet was captured, by its report.
	c1 := n1 - time.Duration(t1-a.packets(room.SourceMic)[0].Timestamp)*time.Second/48000
	c2 := n2 - time.Duration(t2-a.packets(room.SourceCamera)[0].Timestamp)*time.Second/90000
	if d := (c1 - c2).Abs(); d > 2*time.Millisecond {
		t.Error("apart by", d)
	}
	// A stream whose time begins anew goes on from the present.
	was := f.anchor
	now += 1e9
	write(sound, time.Hour, []byte{0xfc, 2})
	if f.anchor == was || f.place(time.Hour, now) != time.Duration(now) {
		t.Error("the jump was not noticed")
	}
}

func TestUnsupported(t *testing.T) {
	f := New(newAudience(), quiet())
	if _, err := f.Open(room.SourceMic, 0); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	for c := media.Opus; c <= media.H265; c++ {
		source := room.SourceMic
		if c.Kind() == media.Video {
			source = room.SourceCamera
		}
		l, err := f.Open(source, c)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		_ = l.Write(Unit{})                                  // must not panic
		_ = l.Write(Unit{Data: [][]byte{nil, {}}})           // likewise
		_ = l.Write(Unit{Data: [][]byte{{0xff}, {1, 2, 3}}}) // likewise
	}
}

// made is what ffmpeg prints.
func made(t *testing.T, args ...string) []byte {
	t.Helper()
	b, err := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConvertSound: AAC becomes Opus with the same clock.
func TestConvertSound(t *testing.T) {
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(made(t, "-f", "lavfi", "-i", "sine=f=440:r=44100:d=3", "-ac", "2", "-c:a", "aac", "-f", "adts", "-")); err != nil {
		t.Fatal(err)
	}
	a := newAudience()
	f := New(a, quiet())
	p := packets[0]
	c, err := f.Convert(room.SourceMic, &tscodecs.MPEG4Audio{Config: mpeg4audio.AudioSpecificConfig{Type: p.Type, SampleRate: p.SampleRate, ChannelConfig: p.ChannelConfig}}, "AAC")
	if err != nil {
		t.Fatal(err)
	}
	// 33 bits of 90 kHz end in the middle of it.
	begin := time.Duration(1<<33)*time.Second/90000 - time.Second
	for i, p := range packets {
		pts := begin + time.Duration(i)*1024*time.Second/44100
		c.Write(Unit{PTS: pts, DTS: pts, Data: [][]byte{p.AU}})
	}
	deadline := time.After(20 * time.Second)
	for len(a.packets(room.SourceMic)) < 100 {
		select {
		case <-a.came:
		case <-deadline:
			t.Fatal("only", len(a.packets(room.SourceMic)), "packets")
		}
	}
	got := a.packets(room.SourceMic)
	for i := 1; i < len(got); i++ {
		if d := int32(got[i].Timestamp - got[i-1].Timestamp); d < 900 || d > 1020 {
			t.Errorf("packet %d is %d ticks after the one before", i, d)
		}
	}
	c.Close()
	if c.Dropped() != 0 || a.ended[room.SourceMic] != 1 {
		t.Error(c.Dropped(), a.ended)
	}
}

// TestConvertPicture: B-frames go away.
func TestConvertPicture(t *testing.T) {
	ts := made(t, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:d=3", "-c:v", "libx264", "-bf", "2", "-g", "25", "-f", "mpegts", "-")
	in := &mpegts.Reader{R: bytes.NewReader(ts)}
	if err := in.Initialize(); err != nil {
		t.Fatal(err)
	}
	a := newAudience()
	f := New(a, quiet())
	c, err := f.Convert(room.SourceCamera, &tscodecs.H264{}, "B-frames")
	if err != nil {
		t.Fatal(err)
	}
	reordered := false
	in.OnDataH264(in.Tracks()[0], func(pts, dts int64, au [][]byte) error {
		reordered = reordered || pts != dts
		c.Write(Unit{PTS: fromTS(pts), DTS: fromTS(dts), Data: au})
		return nil
	})
	for in.Read() == nil {
	}
	if !reordered {
		t.Fatal("the clip has no B-frames")
	}
	deadline := time.After(20 * time.Second)
	for {
		times := map[uint32]bool{}
		last, back := uint32(0), false
		for i, p := range a.packets(room.SourceCamera) {
			back = back || i > 0 && int32(p.Timestamp-last) < 0
			last = p.Timestamp
			times[p.Timestamp] = true
		}
		if back {
			t.Fatal("time runs backwards")
		}
		if len(times) >= 50 {
			break
		}
		select {
		case <-a.came:
		case <-deadline:
			t.Fatal("only", len(times), "pictures")
		}
	}
	c.Close()
}

func TestConvertNeedsFFmpeg(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := New(newAudience(), quiet()).Convert(room.SourceMic, &tscodecs.MPEG4Audio{}, "AAC sound by RTMP"); !errors.Is(err, ffmpeg.ErrMissing) {
		t.Error(err)
	}
}
