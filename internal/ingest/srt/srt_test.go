package srt

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/room"
)

func TestTarget(t *testing.T) {
	for id, want := range map[string]intake.Target{
		"room":                              {Room: "room"},
		"publish:room?token=t&name=A":       {Room: "room", Token: "t", Name: "A"},
		"publish:room/t":                    {Room: "room", Token: "t"},
		"#!::m=publish,r=room,token=t":      {Room: "room", Token: "t"},
		"#!::r=room,kind=broadcast,name=TV": {Room: "room", Kind: room.Broadcast, Name: "TV"},
	} {
		if got, err := Target(id); err != nil || got != want {
			t.Errorf("%q: %+v, %v", id, got, err)
		}
	}
	for _, id := range []string{"", "publish:", "#!::m=request,r=room", "#!::", "room?%zz", strings.Repeat("r", 600)} {
		if _, err := Target(id); !errors.Is(err, intake.ErrTarget) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, id := range []string{"publish:room?token=t", "#!::m=publish,r=room", "room/t", "#!::r=,=,,m"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		got, err := Target(id)
		if err == nil && (got.Room == "" || len(got.Room) > maxID) {
			t.Errorf("%q: %+v", id, got)
		}
		_, _ = url.ParseQuery(id)
	})
}
