package sfu

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"veche.example/internal/media"
)

// decode lets ffmpeg decode pictures, each with its layers, and returns the hash of each decoded layer. It fails if the
// decoder has anything to complain about.
func decode(t *testing.T, c media.Codec, pictures [][]picture) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film")
	in := []string{"-f", "ivf"}
	switch c {
	case media.VP8:
		in = append(in, "-c:v", "vp8")
	case media.VP9:
		in = append(in, "-c:v", "vp9")
	case media.AV1:
		in = append(in, "-c:v", "libdav1d", "-alllayers", "1")
	case media.H264:
		in = []string{"-f", "h264", "-c:v", "h264"}
	}
	if err := os.WriteFile(file, contain(c, pictures), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-hide_banner", "-v", "warning", "-err_detect", "explode", "-xerror", "-threads", "1"}, in...)
	args = append(args, "-i", file, "-fps_mode", "passthrough", "-autoscale", "0", "-f", "framemd5", "-")
	cmd := exec.Command("ffmpeg", args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg, %v: %v\n%.2000s", c, err, complaints.String())
	}
	var hashes []string
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "#") {
			f := strings.Split(strings.TrimSpace(line), ",")
			hashes = append(hashes, strings.TrimSpace(f[len(f)-1]))
		}
	}
	return hashes
}

// contain makes a file of the pictures: IVF, for H.264 the byte stream.
func contain(c media.Codec, pictures [][]picture) []byte {
	var b []byte
	if c == media.H264 {
		for _, p := range pictures {
			b = append(b, p[0].data...)
		}
		return b
	}
	b = append(b, "DKIF\x00\x00\x20\x00"...)
	b = append(b, map[media.Codec]string{media.VP8: "VP80", media.VP9: "VP90", media.AV1: "AV01"}[c]...)
	b = binary.LittleEndian.AppendUint16(b, 960)
	b = binary.LittleEndian.AppendUint16(b, 540)
	b = binary.LittleEndian.AppendUint32(b, 30)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(pictures)))
	for n, p := range pictures {
		var unit []byte
		if c == media.AV1 {
			unit = append(unit, 0x12, 0) // temporal delimiter
		}
		for _, l := range p {
			unit = append(unit, l.data...)
		}
		if c == media.VP9 && len(p) > 1 { // the index of a superframe (VP9 specification, annex B)
			mark := byte(0xc0 | 3<<3 | len(p) - 1)
			unit = append(unit, mark)
			for _, l := range p {
				unit = binary.LittleEndian.AppendUint32(unit, uint32(len(l.data)))
			}
			unit = append(unit, mark)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(len(unit)))
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
		b = append(b, unit...)
	}
	return b
}
