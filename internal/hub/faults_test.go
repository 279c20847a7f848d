package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"veche.example/internal/room"
)

func TestSlowReader(t *testing.T) {
	var log bytes.Buffer
	h := build(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	a := h.in("a")
	slow := &inbox{limit: 2}
	h.join("r", "s", slow)
	for i := range 4 {
		h.do("a", room.Chat{Text: fmt.Sprint(i)})
	}
	same(t, a.take(), "joined s", "left s slow")
	same(t, slow.take(), "chat a 0", "chat a 1") // no gap, then nothing
	if s := h.Stats(); s.Slow != 1 || s.Members != 1 {
		t.Errorf("%+v", s)
	}
	h.refuse(nil, "a", room.Chat{Text: "x"})
	h.close()
	if got := log.String(); !strings.Contains(got, "member too slow") || !strings.Contains(got, "member=s") {
		t.Errorf("log %q", got)
	}
}

// The last word reaches a mailbox that has refused other events, and nothing comes after it.
func TestSlowReaderIsToldLast(t *testing.T) {
	h := build(t, Config{})
	h.in("a")
	var got []string
	h.join("r", "s", deliverFunc(func(e room.Event) bool {
		got = append(got, show(e))
		_, last := e.(room.Removed)
		return last
	}))
	h.do("a", room.Chat{Text: "1"})
	h.do("a", room.Chat{Text: "2"})
	h.close()
	same(t, got, "chat a 1", "removed slow")
}

// A mailbox that fills up while others are told that another one did is found too.
func TestSlowReadersCascade(t *testing.T) {
	h := build(t, Config{})
	a := h.in("a")
	const n = 50
	for i := range n {
		// Each takes the joins of those after it and i events more.
		h.join("r", fmt.Sprint("s", i), &inbox{limit: n - 1 - i + i + 1})
	}
	a.take()
	h.do("a", room.Chat{Text: "all have room for one"})
	h.do("a", room.Chat{Text: "and now nobody"})
	if got := a.take(); len(got) != n || got[0] != "left s0 slow" {
		t.Errorf("%d events: %v", len(got), got)
	}
	if s := h.Stats(); s.Slow != n || s.Members != 1 || s.Rooms != 1 {
		t.Errorf("%+v", s)
	}
	h.close()
}

// A room whose members are all too slow ends, also when that happens while somebody joins.
func TestSlowReadersEndTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, Config{})
		deaf := func() Receiver { return deliverFunc(func(room.Event) bool { return false }) }
		h.join("r", "a", deaf())
		b := &inbox{}
		s := h.join("r", "b", b)
		if len(s.Members) != 1 {
			t.Errorf("the welcome is the world before the first event: %+v", s.Members)
		}
		same(t, b.take(), "left a slow")
		h.join("r", "c", deaf())
		h.do("b", room.Leave{})
		synctest.Wait()
		if s := h.Stats(); s.Rooms != 0 || s.Members != 0 || s.Slow != 2 {
			t.Errorf("%+v", s)
		}
		h.close()
	})
}

// held is a room that is busy: its queue takes two commands and nobody reads it.
func held(t *testing.T) (*house, *gate) {
	t.Helper()
	h := build(t, Config{Limits: Limits{Queue: 2}})
	g := newGate()
	h.join("r", "g", g)
	h.background(func() {
		_, _ = h.Join(t.Context(), "r", lobby, room.Join{ID: "first"}, &inbox{})
	})
	<-g.inside
	return h, g
}

// background runs f on a goroutine that ends before the bubble does.
func (h *house) background(f func()) {
	go f()
	synctest.Wait()
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := held(t)
		var errs [3]error
		for i := range errs {
			h.background(func() {
				_, errs[i] = h.Do(t.Context(), "r", "first", room.Chat{Text: fmt.Sprint(i)})
			})
		}
		if !errors.Is(errs[2], ErrOverloaded) || code(errs[2]) != room.CodeOverloaded {
			t.Errorf("third: %v", errs[2])
		}
		if s := h.Stats(); s.Dropped != 1 {
			t.Errorf("%+v", s)
		}
		close(g.open)
		synctest.Wait()
		if errs[0] != nil || errs[1] != nil {
			t.Errorf("queued: %v, %v", errs[0], errs[1])
		}
		same(t, g.take(), "joined first", "chat first 0", "chat first 1")
		h.close()
	})
}

// Whoever is told that the time was up can rely on it: nothing happens later.
func TestContextEndsInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := held(t)
		ctx, cancel := context.WithCancel(t.Context())
		var doErr, joinErr error
		h.background(func() { _, doErr = h.Do(ctx, "r", "first", room.Chat{Text: "late"}) })
		h.background(func() { _, joinErr = h.Join(ctx, "r", lobby, room.Join{ID: "late"}, &inbox{}) })
		cancel()
		synctest.Wait()
		if !errors.Is(doErr, context.Canceled) || !errors.Is(joinErr, context.Canceled) {
			t.Errorf("do: %v, join: %v", doErr, joinErr)
		}
		close(g.open)
		synctest.Wait()
		same(t, g.take(), "joined first")
		if _, err := h.Join(ctx, "r", lobby, room.Join{ID: "later"}, &inbox{}); !errors.Is(err, context.Canceled) {
			t.Errorf("join: %v", err)
		}
		if s := h.Stats(); s.Members != 2 {
			t.Errorf("%+v", s)
		}
		h.close()
	})
}

// What waits in the queue of a room that ends is answered.
func TestRoomEndsWithAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := held(t)
		var endErr, doErr error
		h.background(func() { _, endErr = h.Do(t.Context(), "r", "", room.End{}) })
		h.background(func() { _, doErr = h.Do(t.Context(), "r", "first", room.Chat{Text: "late"}) })
		close(g.open)
		synctest.Wait()
		if endErr != nil || !errors.Is(doErr, ErrNoRoom) {
			t.Errorf("end: %v, do: %v", endErr, doErr)
		}
		same(t, g.take(), "joined first", "removed ended")
		h.close()
	})
}

// A join that waits in the queue of a room that ends gets a fresh room.
func TestJoinWaitsWhileTheRoomEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := held(t)
		h.background(func() { _, _ = h.Do(t.Context(), "r", "", room.End{}) })
		var s room.Snapshot
		var err error
		h.background(func() { s, err = h.Join(t.Context(), "r", lobby, room.Join{ID: "late"}, &inbox{}) })
		close(g.open)
		synctest.Wait()
		if err != nil || s.You.ID != "late" || len(s.Members) != 0 {
			t.Errorf("join: %+v, %v", s, err)
		}
		h.close()
	})
}

func TestPanicEndsOneRoomOnly(t *testing.T) {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		bad := true
		h := build(t, Config{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			NewID: func() string {
				if bad {
					panic("no more ids")
				}
				return randomID()
			},
		})
		a, b, c := h.in("a"), h.in("b"), &inbox{}
		h.join("other", "c", c)
		h.refuse(ErrPanic, "a", room.Chat{Text: "x"})
		synctest.Wait()
		same(t, a.take(), "joined b", "removed internal")
		same(t, b.take(), "removed internal")
		h.refuse(ErrNoRoom, "a", room.Chat{Text: "x"})
		if s := h.Stats(); s.Panics != 1 || s.Rooms != 1 || s.Members != 1 {
			t.Errorf("%+v", s)
		}
		bad = false
		if _, err := h.Do(t.Context(), "other", "c", room.Chat{Text: "x"}); err != nil {
			t.Errorf("the other room: %v", err)
		}
		h.in("a")
		h.do("a", room.Chat{Text: "x"})
		h.close()
	})
	if got := log.String(); !strings.Contains(got, "room=r") || !strings.Contains(got, "no more ids") {
		t.Errorf("log %q", got)
	}
}

// A mailbox that panics is a panic of its room; the others are told all the same.
func TestMailboxPanics(t *testing.T) {
	h := build(t, Config{})
	a := h.in("a")
	h.join("r", "p", deliverFunc(func(room.Event) bool { panic("mailbox") }))
	b := &inbox{}
	if _, err := h.Join(t.Context(), "r", lobby, room.Join{ID: "b"}, b); !errors.Is(err, ErrPanic) {
		t.Errorf("join: %v", err)
	}
	same(t, a.take(), "joined p", "joined b", "removed internal")
	same(t, b.take(), "removed internal")
	if s := h.Stats(); s.Panics != 1 {
		t.Errorf("%+v", s)
	}
	h.close()
}
