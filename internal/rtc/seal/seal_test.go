package seal

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

var profiles = []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80}

// pair is a sealer and somebody else's implementation that opens what it seals.
func pair(t testing.TB, p srtp.ProtectionProfile) (*Sealer, *srtp.Context) {
	t.Helper()
	keyLen, err := p.KeyLen()
	if err != nil {
		t.Fatal(err)
	}
	saltLen, err := p.SaltLen()
	if err != nil {
		t.Fatal(err)
	}
	key, salt := make([]byte, keyLen), make([]byte, saltLen)
	for i := range key {
		key[i] = byte(3 * i)
	}
	for i := range salt {
		salt[i] = byte(200 - 7*i)
	}
	s, err := New(key, salt, p)
	if err != nil {
		t.Fatal(err)
	}
	c, err := srtp.CreateContext(key, salt, p)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// TestRTP: another implementation opens what is sealed, over wraps of the sequence number and with header extensions.
func TestRTP(t *testing.T) {
	for _, p := range profiles {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			s, other := pair(t, p)
			payload := []byte("a picture or some sound")
			for index := int64(65000); index < 4*65536; index += 997 {
				h := rtp.Header{Version: 2, SSRC: 0x89abcdef, SequenceNumber: uint16(index), Timestamp: uint32(index), PayloadType: 96}
				if index%2 == 0 {
					if err := h.SetExtension(3, []byte("mid")); err != nil {
						t.Fatal(err)
					}
				}
				dst := make([]byte, h.MarshalSize()+len(payload)+Room)
				n, err := s.RTP(dst, &h, payload, index)
				if err != nil {
					t.Fatal(err)
				}
				var got rtp.Header
				out, err := other.DecryptRTP(nil, dst[:n], &got)
				if err != nil {
					t.Fatal(index, err)
				}
				if got.SequenceNumber != h.SequenceNumber || !bytes.HasSuffix(out, payload) {
					t.Fatal(index, "differs")
				}
			}
		})
	}
}

func TestRTCP(t *testing.T) {
	for _, p := range profiles {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			s, other := pair(t, p)
			plain, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 77}, &rtcp.PictureLossIndication{SenderSSRC: 77, MediaSSRC: 5}})
			if err != nil {
				t.Fatal(err)
			}
			seen := make(map[string]bool)
			for range 5 {
				dst := make([]byte, MaxPacket)
				n, err := s.RTCP(dst, plain)
				if err != nil {
					t.Fatal(err)
				}
				out, err := other.DecryptRTCP(nil, dst[:n], nil)
				if err != nil || !bytes.Equal(out, plain) {
					t.Fatalf("%x %v", out, err)
				}
				if seen[string(dst[:n])] {
					t.Error("sealed twice in the same way")
				}
				seen[string(dst[:n])] = true
			}
		})
	}
}

// TestRefused: what would use a nonce twice, or is none of ours.
func TestRefused(t *testing.T) {
	s, _ := pair(t, srtp.ProtectionProfileAeadAes128Gcm)
	h := rtp.Header{Version: 2, SequenceNumber: 5}
	dst := make([]byte, 100)
	for _, index := range []int64{-1, 4, 1<<48 + 5} {
		if _, err := s.RTP(dst, &h, nil, index); err == nil {
			t.Error(index, "was sealed")
		}
	}
	s.reports.Store(maxIndex)
	if _, err := s.RTCP(dst, make([]byte, 8)); err == nil {
		t.Error("SRTCP goes on after its last index")
	}
	if _, err := New(make([]byte, 16), make([]byte, 14), srtp.ProtectionProfileAeadAes128Gcm); err == nil {
		t.Error("a salt of 14 bytes")
	}
}

// TestAllocations: sealing media allocates nothing.
func TestAllocations(t *testing.T) {
	s, _ := pair(t, srtp.ProtectionProfileAeadAes128Gcm)
	h := rtp.Header{Version: 2}
	payload, dst := make([]byte, 1100), make([]byte, MaxPacket)
	index := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		index++
		h.SequenceNumber = uint16(index)
		if _, err := s.RTP(dst, &h, payload, index); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Error(n, "allocations")
	}
}

func BenchmarkRTP(b *testing.B) {
	s, _ := pair(b, srtp.ProtectionProfileAeadAes128Gcm)
	h := rtp.Header{Version: 2}
	payload, dst := make([]byte, 1100), make([]byte, MaxPacket)
	b.ReportAllocs()
	for i := range b.N {
		h.SequenceNumber = uint16(i)
		if _, err := s.RTP(dst, &h, payload, int64(i)); err != nil {
			b.Fatal(err)
		}
	}
}
