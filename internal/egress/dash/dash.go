// Package dash writes the manifest of MPEG-DASH (ISO 23009-1) for tracks of package segment: the same files that playlists
// of HLS name, as periods with a timeline of whole segments.
package dash

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"time"

	"veche.example/internal/egress/segment"
)

// Delay is how far behind the newest media players shall stay.
const Delay = 4 * time.Second

// Track is one track and its bandwidth in bit/s.
type Track struct {
	segment.View
	Video     bool
	Bandwidth int
}

// Manifest writes the MPD: zero is when the line of times begins, now the time at the server. query follows each name of
// a file; it begins with a question mark or is empty.
func Manifest(tracks []Track, zero, now time.Time, query string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="dynamic"`+
		` availabilityStartTime="%s" publishTime="%s" minimumUpdatePeriod="PT1S" minBufferTime="PT2S" timeShiftBufferDepth="PT%dS"`+
		` suggestedPresentationDelay="%s" maxSegmentDuration="PT3S">`+"\n", instant(zero), instant(now), 14, duration(Delay))
	if len(tracks) > 0 {
		for _, i := range tracks[0].Inits {
			period(&b, tracks, i.Epoch, i.Start, query)
		}
	}
	fmt.Fprintf(&b, "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:direct:2014\" value=\"%s\"/>\n</MPD>\n", instant(now))
	return b.Bytes()
}

// period writes the epoch, if there is a whole segment of it.
func period(b *bytes.Buffer, tracks []Track, epoch int, start time.Duration, query string) {
	var sets bytes.Buffer
	for i, t := range tracks {
		adaptation(&sets, i, t, segment.Init{Epoch: epoch, Start: start}, query)
	}
	if sets.Len() > 0 {
		fmt.Fprintf(b, "<Period id=\"%d\" start=\"%s\">\n%s</Period>\n", epoch, duration(start), sets.Bytes())
	}
}

// adaptation writes what a track has of an epoch.
func adaptation(b *bytes.Buffer, id int, t Track, of segment.Init, query string) {
	epoch, start := of.Epoch, of.Start
	var list []segment.Segment
	for _, s := range t.Segments {
		if s.Epoch == epoch && s.Done {
			list = append(list, s)
		}
	}
	var begin *segment.Init
	for _, i := range t.Inits {
		if i.Epoch == epoch {
			begin = &i
		}
	}
	if len(list) == 0 || begin == nil {
		return
	}
	kind, more := "audio", ` audioSamplingRate="48000"`
	if t.Video {
		kind, more = "video", fmt.Sprintf(` width="%d" height="%d"`, begin.Width, begin.Height)
	}
	fmt.Fprintf(b, `<AdaptationSet id="%d" contentType="%s" mimeType="%s/mp4" segmentAlignment="true">`+"\n", id, kind, kind)
	fmt.Fprintf(b, `<Representation id="%s" codecs="%s" bandwidth="%d"%s>`+"\n", t.Name, begin.Name, t.Bandwidth, more)
	fmt.Fprintf(b, `<SegmentTemplate timescale="%d" presentationTimeOffset="%d" startNumber="%d" initialization="%s-i%d.mp4%s" media="%s-s$Number$.m4s%s"><SegmentTimeline>`,
		t.Rate, segment.Ticks(start, t.Rate), list[0].Number, t.Name, epoch, escape(query), t.Name, escape(query))
	for _, s := range list {
		fmt.Fprintf(b, `<S t="%d" d="%d"/>`, s.Start, s.Duration)
	}
	b.WriteString("</SegmentTimeline></SegmentTemplate>\n</Representation></AdaptationSet>\n")
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return string(bytes.ReplaceAll(b.Bytes(), []byte("$"), []byte("$$")))
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func duration(d time.Duration) string { return fmt.Sprintf("PT%.3fS", d.Seconds()) }
