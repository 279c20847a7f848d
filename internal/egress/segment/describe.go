package segment

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"veche.example/internal/media"
)

// Config is what decoders have to be told once. Two of the same Key are the same.
type Config struct {
	Key           string
	Codec         codecs.Codec
	Name          string // RFC 6381, for example avc1.42e01f
	Width, Height int    // 0 for sound
}

// Describe makes a sample of MP4 of a picture, tells whether decoding can begin with it and, if so, how. Frames without
// a picture give no data. VP8 has no place in MP4: it is given as it is, without a Config.
func Describe(u Unit) (sample []byte, key bool, c *Config, err error) {
	switch u.Codec {
	case media.H264:
		return describeH264(u.Data)
	case media.H265:
		return describeH265(u.Data)
	case media.AV1:
		return describeAV1(u.Data)
	case media.VP9:
		return describeVP9(u.Data[0])
	case media.VP8:
		return u.Data[0], u.Data[0][0]&1 == 0, nil, nil // RFC 6386 §9.1
	}
	return nil, false, nil, fmt.Errorf("segment: %s is no picture", u.Codec)
}

func describeH264(nalus [][]byte) (sample []byte, key bool, c *Config, err error) {
	var sps, pps []byte
	var kept [][]byte
	for _, n := range nalus {
		if len(n) == 0 {
			continue
		}
		switch h264.NALUType(n[0] & 0x1f) {
		case h264.NALUTypeSPS:
			sps = n
			continue
		case h264.NALUTypePPS:
			pps = n
			continue
		case h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData:
			continue
		case h264.NALUTypeIDR:
			key = true
		}
		kept = append(kept, n)
	}
	if len(kept) == 0 {
		return nil, false, nil, nil
	}
	if sample, err = h264.AVCC(kept).Marshal(); err != nil || !key {
		return sample, key, nil, err
	}
	if sps == nil || pps == nil {
		return sample, true, nil, nil
	}
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, false, nil, fmt.Errorf("segment: H.264: %w", err)
	}
	return sample, true, &Config{
		Key: "h264" + string(sps) + string(pps), Codec: &codecs.H264{SPS: bytes.Clone(sps), PPS: bytes.Clone(pps)},
		Name: fmt.Sprintf("avc1.%02x%02x%02x", sps[1], sps[2], sps[3]), Width: s.Width(), Height: s.Height(),
	}, nil
}

func describeH265(nalus [][]byte) (sample []byte, key bool, c *Config, err error) {
	var sets [3][]byte
	var kept [][]byte
	for _, n := range nalus {
		if len(n) < 2 {
			continue
		}
		switch t := h265.NALUType(n[0] >> 1 & 0x3f); t {
		case h265.NALUType_VPS_NUT, h265.NALUType_SPS_NUT, h265.NALUType_PPS_NUT:
			sets[t-h265.NALUType_VPS_NUT] = bytes.Clone(n)
			continue
		case h265.NALUType_AUD_NUT, h265.NALUType_FD_NUT:
			continue
		}
		kept = append(kept, n)
	}
	if len(kept) == 0 {
		return nil, false, nil, nil
	}
	key = h265.IsRandomAccess(kept)
	if sample, err = h264.AVCC(kept).Marshal(); err != nil || !key || sets[0] == nil || sets[1] == nil || sets[2] == nil {
		return sample, key, nil, err
	}
	var s h265.SPS
	if err := s.Unmarshal(sets[1]); err != nil {
		return nil, false, nil, fmt.Errorf("segment: H.265: %w", err)
	}
	return sample, true, &Config{
		Key: "h265" + string(bytes.Join(sets[:], nil)), Codec: &codecs.H265{VPS: sets[0], SPS: sets[1], PPS: sets[2]},
		Name: nameH265(&s), Width: s.Width(), Height: s.Height(),
	}, nil
}

// nameH265 is ISO 14496-15 annex E.3.
func nameH265(s *h265.SPS) string {
	p := &s.ProfileTierLevel
	var compatible uint32
	for i, b := range p.GeneralProfileCompatibilityFlag {
		if b {
			compatible |= 1 << i
		}
	}
	tier := "L"
	if p.GeneralTierFlag > 0 {
		tier = "H"
	}
	constraints := 0
	for i, b := range []bool{p.GeneralProgressiveSourceFlag, p.GeneralInterlacedSourceFlag, p.GeneralNonPackedConstraintFlag, p.GeneralFrameOnlyConstraintFlag} {
		if b {
			constraints |= 0x80 >> i
		}
	}
	return fmt.Sprintf("hvc1.%d.%x.%s%d.%X", p.GeneralProfileIdc, compatible, tier, p.GeneralLevelIdc, constraints)
}

func describeAV1(obus [][]byte) (sample []byte, key bool, c *Config, err error) {
	const typeDelimiter, typePadding = 2, 15
	var kept [][]byte
	var sequence []byte
	for _, o := range obus {
		if len(o) == 0 {
			continue
		}
		switch t := o[0] >> 3 & 15; av1.OBUType(t) {
		case typeDelimiter, typePadding:
			continue
		case av1.OBUTypeSequenceHeader:
			sequence = bytes.Clone(o)
		}
		kept = append(kept, o)
	}
	if len(kept) == 0 {
		return nil, false, nil, nil
	}
	if sample, err = av1.Bitstream(kept).Marshal(); err != nil || sequence == nil {
		return sample, false, nil, err
	}
	var s av1.SequenceHeader
	if err := s.Unmarshal(sequence); err != nil {
		return nil, false, nil, fmt.Errorf("segment: AV1: %w", err)
	}
	name := "av01"
	if len(s.SeqLevelIdx) > 0 && len(s.SeqTier) > 0 {
		tier := "M"
		if s.SeqTier[0] {
			tier = "H"
		}
		name = fmt.Sprintf("av01.%d.%02d%s.%02d", s.SeqProfile, s.SeqLevelIdx[0], tier, s.ColorConfig.BitDepth)
	}
	return sample, true, &Config{
		Key: "av1" + string(sequence), Codec: &codecs.AV1{SequenceHeader: sequence}, Name: name, Width: s.Width(), Height: s.Height(),
	}, nil
}

func describeVP9(frame []byte) (sample []byte, key bool, c *Config, err error) {
	var h vp9.Header
	if err := h.Unmarshal(frame); err != nil {
		return nil, false, nil, fmt.Errorf("segment: VP9: %w", err)
	}
	if h.ShowExistingFrame || h.NonKeyFrame || h.ColorConfig == nil {
		return frame, false, nil, nil
	}
	v := &codecs.VP9{
		Width: h.Width(), Height: h.Height(), Profile: h.Profile, BitDepth: h.ColorConfig.BitDepth,
		ChromaSubsampling: h.ChromaSubsampling(), ColorRange: h.ColorConfig.ColorRange,
	}
	return frame, true, &Config{
		Key: fmt.Sprintf("vp9%+v", *v), Codec: v, Name: fmt.Sprintf("vp09.%02d.31.%02d", v.Profile, v.BitDepth), Width: v.Width, Height: v.Height,
	}, nil
}

// Opus is how Opus is described: always stereo, which decoders make of mono too.
func Opus() *Config {
	return &Config{Key: "opus", Codec: &codecs.Opus{ChannelCount: 2}, Name: "opus"}
}

// Silence is 20 ms of Opus in which nothing is heard (RFC 6716 §3.1: CELT, full band, one frame).
func Silence() []byte { return []byte{0xfc, 0xff, 0xfe} }

//go:embed black.h264
var black []byte

// Black is a picture of 640 × 360 for when there is none.
func Black() (sample []byte, c *Config, err error) {
	var nalus h264.AnnexB
	if err := nalus.Unmarshal(black); err != nil {
		return nil, nil, err
	}
	sample, _, c, err = describeH264(nalus)
	return sample, c, err
}
