package room

import "testing"

func codecs(list ...string) Caps { return Caps{Video: list} }

func TestPublishCodec(t *testing.T) {
	all := codecs("vp8", "vp9", "av1", "h264")
	tests := []struct {
		name  string
		o     Options
		joins []Join
		want  string
	}{
		{"first of the order", Options{}, []Join{{Decode: all, Encode: all}}, "vp8"},
		{"the room's order", Options{Video: []string{"av1", "vp8"}}, []Join{{Decode: all, Encode: all}}, "av1"},
		{"what all decode", Options{Video: []string{"h264", "vp9", "vp8"}},
			[]Join{{Decode: all, Encode: all}, {Decode: codecs("vp8", "vp9"), Encode: all}}, "vp9"},
		{"viewers decode too", Options{Video: []string{"h264", "vp8"}},
			[]Join{{Decode: all, Encode: all}, {Decode: codecs("vp8"), Viewer: true}}, "vp8"},
		{"what all speakers encode", Options{Video: []string{"av1", "h264", "vp8"}},
			[]Join{{Decode: all, Encode: codecs("vp8", "h264")}, {Decode: all, Encode: codecs("vp8", "av1")}}, "vp8"},
		{"a viewer need not encode", Options{Video: []string{"av1", "vp8"}},
			[]Join{{Decode: all, Encode: all}, {Decode: all, Encode: codecs("vp8"), Viewer: true}}, "av1"},
		{"encoders and bots do not vote", Options{Video: []string{"av1", "vp8"}},
			[]Join{{Decode: all, Encode: all}, {Agent: AgentWHIP, Encode: codecs("vp8")},
				{Agent: AgentWHEP, Decode: codecs("vp8")}, {Agent: AgentBot, Decode: codecs("vp8")}}, "av1"},
		{"who tells nothing hinders nobody", Options{Video: []string{"av1", "vp8"}}, []Join{{}, {Decode: all, Encode: all}}, "av1"},
		{"nothing for all: what most decode", Options{Video: []string{"h264", "vp8", "av1"}},
			[]Join{{Decode: codecs("h264"), Encode: all}, {Decode: codecs("vp8"), Encode: all}, {Decode: codecs("vp8"), Encode: all}}, "vp8"},
		{"a tie goes by the order", Options{Video: []string{"h264", "vp8"}},
			[]Join{{Decode: codecs("vp8"), Encode: all}, {Decode: codecs("h264"), Encode: all}}, "h264"},
		{"what can be encoded before what is decoded", Options{Video: []string{"av1", "h264"}},
			[]Join{{Decode: codecs("av1"), Encode: codecs("h264")}, {Decode: codecs("av1"), Encode: codecs("h264")}}, "h264"},
		{"nothing to encode: what most decode", Options{Video: []string{"av1", "h264"}},
			[]Join{{Decode: codecs("h264"), Encode: codecs("vp8")}, {Decode: codecs("h264"), Encode: codecs("vp9")}}, "h264"},
		{"broadcast", Options{Kind: Broadcast, Video: []string{"h264", "vp8"}},
			[]Join{{Decode: all, Encode: all}, {Decode: codecs("vp8")}}, "vp8"},
		{"only encoders here", Options{Video: []string{"h264", "vp8"}}, []Join{{Agent: AgentWHIP}}, "h264"},
		{"lobby: no advice", Options{Kind: Lobby}, []Join{{Decode: all, Encode: all}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Open = true
			h := build(t, tt.o)
			for i, j := range tt.joins {
				j.ID = string(rune('a' + i))
				h.do(j.ID, j)
			}
			if got := h.r.Snapshot("").Publish.Video; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPublishCodecChangesAreTold(t *testing.T) {
	h := build(t, Options{Open: true, Topology: ForceSFU, Video: []string{"h264", "vp8"}})
	h.web("a")
	h.expect("b", Join{ID: "b", Decode: codecs("vp8")}, "a: joined b speaker", "a: room locked=false publish=vp8")
	h.expect("c", Join{ID: "c", Decode: codecs("vp8")}, "a: joined c speaker", "b: joined c speaker")
	h.do("c", Leave{})
	// Media goes on without a socket: a lost one must not make everybody switch codecs twice.
	h.expect("b", Detach{}, "a: updated b speaker away")
	h.do("b", Attach{})
	h.expect("b", Leave{}, "a: left b left", "b: removed left", "a: room locked=false publish=h264")
}

func TestPublishCodecFollowsRoles(t *testing.T) {
	h := build(t, Options{Open: true, Topology: ForceSFU, Video: []string{"av1", "vp8"}})
	h.web("a")
	h.do("b", Join{ID: "b", Encode: codecs("vp8"), Viewer: true})
	h.expect("a", SetRole{"b", Speaker}, "a: updated b speaker", "b: updated b speaker",
		"a: room locked=false publish=vp8", "b: room locked=false publish=vp8")
}
