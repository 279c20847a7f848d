package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func child(args ...string) Child {
	return Child{Feature: "a test", Args: args, Log: slog.New(slog.DiscardHandler)}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestPipe: what goes in comes out, and everything ends.
func TestPipe(t *testing.T) {
	c := child("-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "s16le", "-ar", "8000", "pipe:1")
	sent := bytes.Repeat([]byte{1, 2}, 8000)
	c.Feed = func(_ context.Context, w io.Writer) error {
		_, err := w.Write(sent)
		return err
	}
	var got []byte
	c.Take = func(r io.Reader) (err error) {
		got, err = io.ReadAll(r)
		return err
	}
	if err := c.Run(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came out of %d", len(got), len(sent))
	}
}

// TestWords: an error has what the child said.
func TestWords(t *testing.T) {
	err := child("-i", "/no/such/file", "-f", "null", "-").Run(testContext(t))
	if err == nil || !strings.Contains(err.Error(), "/no/such/file") || !strings.Contains(err.Error(), "a test") {
		t.Error(err)
	}
}

// TestEnd: a child that would run for ever ends with its context, or when nobody takes what it makes.
func TestEnd(t *testing.T) {
	endless := child("-re", "-f", "lavfi", "-i", "sine", "-f", "s16le", "pipe:1")
	ctx, cancel := context.WithCancel(testContext(t))
	endless.Take = func(r io.Reader) error {
		_, err := io.ReadFull(r, make([]byte, 100))
		cancel()
		return err
	}
	if err := endless.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	enough := errors.New("enough")
	endless.Take = func(io.Reader) error { return enough }
	if err := endless.Run(testContext(t)); !errors.Is(err, enough) {
		t.Error(err)
	}
}

// TestMissing: without ffmpeg the error names what needs it.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := child("-version").Supervise(testContext(t), nil)
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "a test needs it") {
		t.Error(err)
	}
}

// TestSupervise: a child that fails is begun again.
func TestSupervise(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	times := 0
	err := child("-i", "/no/such/file", "-f", "null", "-").Supervise(ctx, func(error) {
		if times++; times == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || times != 2 {
		t.Error(err, times)
	}
}

func TestTail(t *testing.T) {
	var w tail
	for range 3 {
		_, _ = io.WriteString(&w, "a\nb\nc\n"+strings.Repeat("x", 1000))
	}
	if s := w.String(); len(s) > (keptLines+2)*maxLine || !strings.HasSuffix(s, "x") || !strings.Contains(s, "c") {
		t.Error(len(s), s)
	}
}
