package rtc

import (
	"testing"

	"veche.example/internal/media"
)

// TestSSRCsDiffer: a section never keeps an SSRC that another one of the peer has.
func TestSSRCsDiffer(t *testing.T) {
	first := newOutbound(nil, "a", media.Audio, "s")
	others := map[string]*outbound{"a": first}
	for _, clash := range []func(o *outbound){
		func(o *outbound) { o.ssrc = first.ssrc },
		func(o *outbound) { o.rtx = first.rtx },
	} {
		o := newOutbound(nil, "v", media.Video, "s")
		clash(o)
		o.differ(others)
		if o.ssrc == first.ssrc || o.rtx == first.rtx || o.ssrc%2 != 1 || o.rtx%2 != 0 {
			t.Errorf("SSRCs %x %x beside %x %x", o.ssrc, o.rtx, first.ssrc, first.rtx)
		}
	}
}
