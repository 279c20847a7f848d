// Package hls writes the playlists of HLS (RFC 8216bis) with low latency for tracks of package segment.
package hls

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"veche.example/internal/egress/segment"
)

// Mark stands behind each URI of a playlist: WithQuery puts a query there, or nothing.
const mark = 0

// partsOf the newest segments are listed (RFC 8216bis §6.2.2: three target durations).
const partsOf = 4

// File names of a track.
func initName(track string, epoch int) string { return fmt.Sprintf("%s-i%d.mp4", track, epoch) }
func segmentName(track string, n int) string  { return fmt.Sprintf("%s-s%d.m4s", track, n) }
func partName(track string, n int) string     { return fmt.Sprintf("%s-p%d.m4s", track, n) }

// Report tells of another rendition how far it is (RFC 8216bis §4.4.5.4).
type Report struct {
	Track         string
	Segment, Part int // the last ones; Part -1 = only whole segments
}

// Media writes the playlist of a track; zero is when the line of its times begins.
func Media(v segment.View, zero time.Time, reports []Report) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:%d\n", int(segment.Target/time.Second))
	fmt.Fprintf(&b, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=%s,HOLD-BACK=%s\n",
		seconds(3*segment.Part), seconds(3*segment.Target))
	fmt.Fprintf(&b, "#EXT-X-PART-INF:PART-TARGET=%s\n", seconds(segment.Part))
	epoch := -1
	if len(v.Segments) > 0 {
		epoch = v.Segments[0].Epoch
		fmt.Fprintf(&b, "#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", v.Segments[0].Number, epoch-v.Base)
	}
	for i, s := range v.Segments {
		if i == 0 || s.Epoch != epoch {
			// One for each epoch, also for those of which this track has nothing: the others count them too.
			b.WriteString(strings.Repeat("#EXT-X-DISCONTINUITY\n", s.Epoch-epoch))
			epoch = s.Epoch
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"%s%c\"\n", initName(v.Name, epoch), mark)
		}
		at := zero.Add(segment.Time(s.Start, v.Rate))
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", at.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		if i >= len(v.Segments)-partsOf {
			for _, p := range s.Parts {
				fmt.Fprintf(&b, "#EXT-X-PART:DURATION=%s,URI=\"%s%c\"", ticks(p.Duration, v.Rate), partName(v.Name, p.Number), mark)
				if p.Independent {
					b.WriteString(",INDEPENDENT=YES")
				}
				b.WriteByte('\n')
			}
		}
		if s.Done {
			fmt.Fprintf(&b, "#EXTINF:%s,\n%s%c\n", ticks(s.Duration, v.Rate), segmentName(v.Name, s.Number), mark)
		}
	}
	fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"%s%c\"\n", partName(v.Name, v.NextPart), mark)
	for _, r := range reports {
		fmt.Fprintf(&b, "#EXT-X-RENDITION-REPORT:URI=\"%s.m3u8%c\",LAST-MSN=%d", r.Track, mark, r.Segment)
		if r.Part >= 0 {
			fmt.Fprintf(&b, ",LAST-PART=%d", r.Part)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Audio is a rendition of the sound.
type Audio struct {
	Track, Title, Codec string
	Bandwidth           int // bit/s
}

// Video is the rendition of the picture.
type Video struct {
	Track, Codec  string
	Width, Height int
	Bandwidth     int // bit/s
}

// Master writes the multivariant playlist: the picture with each kind of sound, the preferred one first.
func Master(v Video, sounds []Audio) []byte {
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:9\n")
	for _, a := range sounds {
		fmt.Fprintf(&b, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"%s\",NAME=\"%s\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"%s.m3u8%c\"\n",
			a.Track, a.Title, a.Track, mark)
	}
	for _, a := range sounds {
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,CODECS=\"%s,%s\",RESOLUTION=%dx%d,AUDIO=\"%s\"\n%s.m3u8%c\n",
			v.Bandwidth+a.Bandwidth, v.Codec, a.Codec, v.Width, v.Height, a.Track, v.Track, mark)
	}
	return b.Bytes()
}

// WithQuery puts a query behind each URI; it begins with a question mark or is empty.
func WithQuery(playlist []byte, query string) []byte {
	return bytes.ReplaceAll(playlist, []byte{mark}, []byte(query))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func ticks(n, rate int64) string { return fmt.Sprintf("%.5f", float64(n)/float64(rate)) }
