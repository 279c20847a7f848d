package vtest

import (
	_ "embed"
	"encoding/binary"
	"time"

	"github.com/pion/webrtc/v4/pkg/media"
)

// What bots publish: 2 s of moving picture (VP8, a key frame and 29 that follow) and 1 s of a tone (Opus). Made by
//
//	ffmpeg -f lavfi -i testsrc2=size=320x180:rate=15 -t 2 -c:v libvpx -b:v 175k -minrate 175k -maxrate 175k \
//	       -g 1000 -auto-alt-ref 0 clip.ivf
//
// (150 kbit/s; small and large with size 160x90 and 30k, 640x360 and 300k)
//
//	ffmpeg -f lavfi -i sine=frequency=440:sample_rate=48000 -t 1 -ac 1 -c:a libopus -b:a 16k -vbr off tone.ogg
//
// and 2.8 s of speech, or what Opus takes for it, with forward error correction:
//
//	ffmpeg -f lavfi -i "aevalsrc='0.25*sin(2*PI*(140+20*sin(2*PI*2.3*t))*t)*(0.6+0.4*sin(2*PI*4*t))+0.12*sin(2*PI*700*t)*
//	       (0.5+0.5*sin(2*PI*3*t))+0.06*sin(2*PI*1900*t)*(0.5+0.5*sin(2*PI*5*t))':s=48000" -t 3 -ac 1 -c:a libopus
//	       -application voip -b:a 24k -vbr off -fec 1 -packet_loss 25 speech.ogg
//
// the latter two with their packets moved into IVF files.
var (
	//go:embed clip.ivf
	clipFile []byte
	//go:embed small.ivf
	smallFile []byte
	//go:embed large.ivf
	largeFile []byte
	//go:embed tone.ivf
	toneFile []byte
	//go:embed speech.ivf
	speechFile []byte

	clip   = frames(clipFile, time.Second/15)
	small  = frames(smallFile, time.Second/15)
	large  = frames(largeFile, time.Second/15)
	tone   = frames(toneFile, 20*time.Millisecond)
	speech = frames(speechFile, 20*time.Millisecond)
)

const (
	filmWidth, filmHeight = 320, 180

	ivfHeader = 32 // bytes before the first frame
	ivfFrame  = 12 // bytes before the data of each frame
)

// frames reads an IVF file.
func frames(file []byte, each time.Duration) []media.Sample {
	var list []media.Sample
	for at := ivfHeader; at+ivfFrame <= len(file); {
		size := int(binary.LittleEndian.Uint32(file[at:]))
		at += ivfFrame
		list = append(list, media.Sample{Data: file[at : at+size], Duration: each})
		at += size
	}
	return list
}
