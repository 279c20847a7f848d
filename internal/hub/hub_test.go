package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"veche.example/internal/room"
)

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestJoinDoLeave(t *testing.T) {
	h := build(t, Config{})
	a := h.in("a")
	s := h.join("r", "b", &inbox{})
	if s.You.ID != "b" || len(s.Members) != 1 || s.Members[0].ID != "a" {
		t.Errorf("welcome %+v", s)
	}
	reply := h.do("b", room.Chat{Text: "hi"})
	if reply.Chat == nil || len(reply.Chat.ID) != 22 {
		t.Errorf("reply %+v, want an id of 128 random bits", reply.Chat)
	}
	h.do("b", room.Leave{})
	same(t, a.take(), "joined b", "chat b hi", "left b left")
	if s := h.Stats(); s.Rooms != 1 || s.Members != 1 || s.Commands != 4 || s.Dropped+s.Slow+s.Panics != 0 {
		t.Errorf("%+v", s)
	}
	h.close()
	same(t, a.take(), "removed shutdown")
}

func TestErrors(t *testing.T) {
	h := build(t, Config{})
	defer h.close()
	ctx := t.Context()
	for name, f := range map[string]func() error{
		"do":       func() error { _, err := h.Do(ctx, "r", "a", room.Leave{}); return err },
		"attach":   func() error { _, err := h.Attach(ctx, "r", "a", nil); return err },
		"snapshot": func() error { _, err := h.Snapshot(ctx, "r", "a"); return err },
	} {
		if err := f(); !errors.Is(err, ErrNoRoom) || code(err) != room.CodeEnded {
			t.Errorf("%s without a room: %v", name, err)
		}
	}
	if _, err := h.Join(ctx, "r", lobby, room.Join{ID: "a"}, nil); !errors.Is(err, ErrJoin) {
		t.Errorf("join without a mailbox: %v", err)
	}
	h.in("a")
	h.refuse(ErrJoin, "b", room.Join{ID: "b"})
	h.refuse(ErrJoin, "b", nil)
	if _, err := h.Do(ctx, "r", "stranger", room.Chat{Text: "x"}); code(err) != room.CodeNotAllowed {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := h.Join(ctx, "r", lobby, room.Join{ID: "a"}, &inbox{}); !errors.Is(err, room.ErrPresent) {
		t.Errorf("twice: %v", err)
	}
	if s, err := h.Snapshot(ctx, "r", ""); err != nil || len(s.Members) != 1 || s.You.ID != "" {
		t.Errorf("snapshot for nobody: %+v, %v", s, err)
	}
	if s, err := h.Snapshot(ctx, "r", "a"); err != nil || len(s.Members) != 0 || s.You.ID != "a" {
		t.Errorf("snapshot for a: %+v, %v", s, err)
	}
}

// A refused join must not leave an empty room behind.
func TestRefusedJoinLeavesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, Config{})
		_, err := h.Join(t.Context(), "r", room.Options{}, room.Join{ID: "a"}, &inbox{})
		if code(err) != room.CodeToken {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if s := h.Stats(); s.Rooms != 0 {
			t.Errorf("%+v", s)
		}
		h.close()
	})
}

func TestMaxRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, Config{Limits: Limits{MaxRooms: 1}})
		h.in("a")
		_, err := h.Join(t.Context(), "other", lobby, room.Join{ID: "a"}, &inbox{})
		if !errors.Is(err, ErrRooms) || code(err) != room.CodeOverloaded {
			t.Errorf("error %v", err)
		}
		h.in("b")
		h.do("a", room.Leave{})
		h.do("b", room.Leave{})
		synctest.Wait()
		h.join("other", "a", &inbox{})
		h.close()
	})
}

func TestAttach(t *testing.T) {
	h := build(t, Config{})
	defer h.close()
	a, b := h.in("a"), h.in("b")
	h.do("b", room.Detach{})
	h.do("a", room.Chat{Text: "1"}) // kept in the mailbox of who is away
	same(t, b.take(), "chat a 1")

	b2 := &inbox{}
	s, err := h.Attach(t.Context(), "r", "b", b2)
	if err != nil || s.You.ID != "b" || !s.You.Connected || len(s.Chat) != 1 {
		t.Errorf("attach: %+v, %v", s.You, err)
	}
	h.do("a", room.Chat{Text: "2"})
	same(t, b.take())
	same(t, b2.take(), "chat a 2")

	h.do("b", room.Detach{})
	if _, err := h.Attach(t.Context(), "r", "b", nil); err != nil {
		t.Error(err)
	}
	h.do("a", room.Chat{Text: "3"})
	same(t, b2.take(), "chat a 3")
	same(t, a.take(), "joined b", "updated b speaker false", "updated b speaker true",
		"updated b speaker false", "updated b speaker true")
	if _, err := h.Attach(t.Context(), "r", "stranger", &inbox{}); code(err) != room.CodeNotAllowed {
		t.Errorf("a stranger attaches: %v", err)
	}
	if s := h.Stats(); s.Members != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, Config{})
		a, b := h.in("a"), h.in("b")
		a.take()
		wait := func(d time.Duration) {
			time.Sleep(d) // the bubble's clock
			synctest.Wait()
		}

		h.do("a", room.Ring{To: "b"})
		wait(room.DefaultRingTimeout - 1)
		same(t, b.take(), "call a ringing")
		wait(1)
		same(t, b.take(), "call a endedtimeout")
		same(t, a.take(), "call a endedtimeout")

		// Two timers at once, one of which is restarted and one stopped.
		h.do("b", room.Detach{})
		wait(20 * time.Second)
		if _, err := h.Attach(t.Context(), "r", "b", nil); err != nil {
			t.Error(err)
		}
		h.do("b", room.Detach{Reload: true})
		h.do("a", room.Ring{To: "b"})
		wait(5*time.Second - 1)
		same(t, a.take(), "updated b speaker false", "updated b speaker true", "updated b speaker false")
		wait(1)
		same(t, a.take(), "call a endedgone", "left b gone")
		same(t, b.take(), "call a ringing", "call a endedgone", "removed gone")
		wait(time.Hour)
		same(t, a.take())

		// The last one's grace ends the room.
		h.do("a", room.Detach{})
		wait(room.DefaultGrace - 1)
		if s := h.Stats(); s.Rooms != 1 || s.Members != 1 {
			t.Errorf("%+v", s)
		}
		wait(1)
		same(t, a.take(), "removed gone")
		if s := h.Stats(); s.Rooms != 0 || s.Members != 0 {
			t.Errorf("%+v", s)
		}
		h.close()
	})
}

// Timers due at the same moment run in one go, even those that the first of them makes moot.
func TestTimersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, Config{})
		var boxes []*inbox
		for i := range 20 {
			boxes = append(boxes, h.in(fmt.Sprint(i)))
		}
		for i := range 20 {
			h.do(fmt.Sprint(i), room.Detach{})
		}
		time.Sleep(room.DefaultGrace)
		synctest.Wait()
		for i, b := range boxes {
			if got := b.take(); got[len(got)-1] != "removed gone" {
				t.Errorf("%d: %v", i, got)
			}
		}
		if s := h.Stats(); s.Rooms != 0 || s.Members != 0 {
			t.Errorf("%+v", s)
		}
		h.close()
	})
}

func TestEndedRoomIsReplacedByAFreshOne(t *testing.T) {
	h := build(t, Config{})
	defer h.close()
	a := h.in("a")
	if _, err := h.Do(t.Context(), "r", "", room.End{}); err != nil {
		t.Fatal(err)
	}
	same(t, a.take(), "removed ended")
	if s := h.join("r", "b", &inbox{}); len(s.Members) != 0 {
		t.Errorf("the old room is still there: %+v", s)
	}
}

// TestJoinRacesWithRemoval lets many members come and go in one room: no join may fail because
// the room is just ending, and nothing may be left over.
func TestJoinRacesWithRemoval(t *testing.T) {
	h := build(t, Config{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 300 {
				id := fmt.Sprint(w, "-", i)
				s, err := h.Join(t.Context(), "r", lobby, room.Join{ID: id}, &inbox{})
				if err != nil || s.You.ID != id {
					t.Errorf("join %s: %v", id, err)
					return
				}
				if _, err := h.Do(t.Context(), "r", id, room.Leave{}); err != nil {
					t.Errorf("leave %s: %v", id, err)
					return
				}
			}
		})
	}
	wg.Wait()
	h.close()
}

// TestSameOrderForAll: everybody reads what everybody wrote in one order.
func TestSameOrderForAll(t *testing.T) {
	h := build(t, Config{})
	watch1, watch2 := h.in("w1"), h.in("w2")
	var wg sync.WaitGroup
	for w := range 6 {
		id := fmt.Sprint("m", w)
		h.in(id)
		wg.Go(func() {
			for i := range 100 {
				if _, err := h.Do(t.Context(), "r", id, room.Chat{Text: fmt.Sprint(i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	h.close()
	var log [2][]string
	for i, b := range []*inbox{watch1, watch2} {
		for _, e := range b.take() {
			if strings.HasPrefix(e, "chat") {
				log[i] = append(log[i], e)
			}
		}
	}
	if d := cmp.Diff(log[0], log[1]); d != "" || len(log[0]) != 600 {
		t.Errorf("%d messages:\n%s", len(log[0]), d)
	}
}

func TestClose(t *testing.T) {
	h := build(t, Config{})
	a := h.in("a")
	h.join("other", "b", &inbox{})
	h.close()
	h.close() // twice is once
	same(t, a.take(), "removed shutdown")
	if _, err := h.Join(t.Context(), "r", lobby, room.Join{ID: "a"}, &inbox{}); !errors.Is(err, ErrClosed) {
		t.Errorf("join: %v", err)
	}
	h.refuse(ErrNoRoom, "a", room.Leave{})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	h := build(t, Config{})
	g := newGate()
	h.join("r", "g", g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = h.Join(t.Context(), "r", lobby, room.Join{ID: "a"}, &inbox{})
	}()
	<-g.inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	close(g.open)
	<-done
	h.close()
}

func TestRandomID(t *testing.T) {
	a, b := randomID(), randomID()
	if len(a) != 22 || a == b {
		t.Errorf("%q, %q", a, b)
	}
}
