// Package audience loads servers of LL-HLS: viewers, each on a connection that is kept, who ask for the playlist and then
// for the newest part in it, again and again.
package audience

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Target is a playlist on a server to measure.
type Target struct {
	Name     string
	Host     string // HOST:PORT
	Path     string // of the playlist, beginning with a slash
	Blocking bool   // the server answers _HLS_msn when the part is there
	PID      int    // of the server
}

// Load says how many viewers there are and what they do.
type Load struct {
	Viewers  int
	Every    time.Duration // from one pair of requests of a viewer to its next one
	Duration time.Duration
}

// Result is what was measured.
type Result struct {
	Requests  int64
	Bytes     int64
	Failed    int64
	PerViewer float64       // resident bytes that each viewer added
	CPU       time.Duration // of the server, for one request
}

// String is one line.
func (r Result) String() string {
	return fmt.Sprintf("%7d requests  %3d failed  %6.1f MB  %6.2f KiB per viewer  %6.2f µs CPU per request",
		r.Requests, r.Failed, float64(r.Bytes)/1e6, r.PerViewer/1024, float64(r.CPU)/float64(time.Microsecond))
}

// Usage tells what a process has used so far.
type Usage func(pid int) (cpu time.Duration, resident uint64)

// Run measures a server: its memory before and with the viewers, and its CPU time with them, less what it uses idle.
func Run(ctx context.Context, t Target, l Load, usage Usage) (Result, error) {
	cpu0, before := usage(t.PID)
	if err := pause(ctx, l.Duration/2); err != nil {
		return Result{}, err
	}
	cpu1, _ := usage(t.PID)
	idle := float64(cpu1-cpu0) / float64(l.Duration/2)
	var s sums
	list := make([]*viewer, l.Viewers)
	defer func() {
		for _, v := range list {
			if v != nil {
				_ = v.conn.Close()
			}
		}
	}()
	for i := range list {
		v, err := dial(ctx, t)
		if err == nil {
			err = v.turn(&s) // at once, as players do: connections that say nothing are few
		}
		if err != nil {
			return Result{}, fmt.Errorf("audience: viewer %d: %w", i, err)
		}
		list[i] = v
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for i, v := range list {
		first := time.Duration(i) * l.Every / time.Duration(len(list))
		wg.Go(func() { v.watch(ctx, first, l.Every, &s) })
	}
	err := pause(ctx, 2*time.Second+l.Every) // everybody has begun
	begin, from := s.snapshot(), time.Now()
	cpu0, _ = usage(t.PID)
	err = errors.Join(err, pause(ctx, l.Duration))
	cpu1, with := usage(t.PID)
	end, took := s.snapshot(), time.Since(from)
	cancel()
	for _, v := range list {
		_ = v.conn.SetDeadline(time.Now())
	}
	wg.Wait()
	r := Result{Requests: end.Requests - begin.Requests, Bytes: end.Bytes - begin.Bytes, Failed: end.Failed}
	r.PerViewer = (float64(with) - float64(before)) / float64(l.Viewers)
	if r.Requests > 0 {
		r.CPU = time.Duration((float64(cpu1-cpu0) - idle*float64(took)) / float64(r.Requests))
	}
	if f := s.first.Load(); f != nil {
		err = errors.Join(err, fmt.Errorf("audience: %d viewers failed: %w", r.Failed, *f))
	}
	return r, err
}

type sums struct {
	requests, bytes, failed atomic.Int64
	first                   atomic.Pointer[error] // that a viewer ended with
}

func (s *sums) snapshot() Result {
	return Result{Requests: s.requests.Load(), Bytes: s.bytes.Load(), Failed: s.failed.Load()}
}

// viewer is one connection.
type viewer struct {
	t    Target
	conn net.Conn
	r    *bufio.Reader

	query string // for the playlist after the last one
}

func dial(ctx context.Context, t Target) (*viewer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Host)
	if err != nil {
		return nil, err
	}
	return &viewer{t: t, conn: conn, r: bufio.NewReaderSize(conn, 2048)}, nil
}

// watch asks for the playlist and its newest part until ctx is done.
func (v *viewer) watch(ctx context.Context, first, every time.Duration, s *sums) {
	due := time.Now().Add(first)
	for pause(ctx, time.Until(due)) == nil {
		due = due.Add(every)
		if late := time.Since(due); late > every {
			due = time.Now()
		}
		if err := v.turn(s); err != nil {
			if ctx.Err() == nil {
				s.failed.Add(1)
				s.first.CompareAndSwap(nil, &err)
			}
			return
		}
	}
}

var (
	newest   = regexp.MustCompile(`URI="([^"]+\.m4s)"`)
	sequence = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)
)

// turn is one playlist and one part.
func (v *viewer) turn(s *sums) error {
	text, err := v.get(v.t.Path+v.query, true, s)
	if err != nil {
		return err
	}
	if v.t.Blocking {
		v.query = next(text)
	}
	part := lastPart(text)
	if part == "" {
		return errors.New("audience: no part in the playlist")
	}
	_, err = v.get(v.t.Path[:strings.LastIndexByte(v.t.Path, '/')+1]+part, false, s)
	return err
}

// lastPart is the name of the newest part, which stands before the hint.
func lastPart(text []byte) string {
	text, _, _ = bytes.Cut(text, []byte("#EXT-X-PRELOAD-HINT"))
	i := bytes.LastIndex(text, []byte("#EXT-X-PART:"))
	if i < 0 {
		return ""
	}
	m := newest.FindSubmatch(text[i:])
	if m == nil {
		return ""
	}
	return string(m[1])
}

// next is the query for the part that comes after a playlist.
func next(text []byte) string {
	m := sequence.FindSubmatch(text)
	if m == nil {
		return ""
	}
	first, _ := strconv.Atoi(string(m[1]))
	whole := bytes.Count(text, []byte("#EXTINF"))
	open := text[max(bytes.LastIndex(text, []byte("#EXTINF")), 0):]
	return fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", first+whole, bytes.Count(open, []byte("#EXT-X-PART:")))
}

// get sends a request and reads the answer; its body only if keep.
func (v *viewer) get(path string, keep bool, s *sums) ([]byte, error) {
	_ = v.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(v.conn, "GET "+path+" HTTP/1.1\r\nHost: "+v.t.Host+"\r\nUser-Agent: bench\r\n\r\n"); err != nil {
		return nil, err
	}
	size, ok := -1, false
	for first := true; ; first = false {
		line, err := v.r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if first {
			ok = bytes.HasPrefix(line, []byte("HTTP/1.1 200"))
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("content-length")) {
			size, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if size < 0 || size > 64<<20 {
		return nil, errors.New("audience: an answer without a length")
	}
	s.requests.Add(1)
	s.bytes.Add(int64(size))
	var body []byte
	var err error
	if keep {
		body = make([]byte, size)
		_, err = io.ReadFull(v.r, body)
	} else {
		_, err = v.r.Discard(size)
	}
	if err == nil && !ok {
		err = fmt.Errorf("audience: %s is refused", path)
	}
	return body, err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Mirror copies a playlist and the parts in it to a folder, as they come, until ctx is done; ready is called when the
// folder can be served.
func Mirror(ctx context.Context, url, dir string, ready func()) error {
	have := map[string]bool{}
	query := ""
	for {
		text, err := fetch(ctx, url+query)
		if err != nil {
			return err
		}
		for _, m := range newest.FindAllSubmatch(text[:max(bytes.Index(text, []byte("#EXT-X-PRELOAD-HINT")), 0)], -1) {
			name := string(m[1])
			if have[name] {
				continue
			}
			data, err := fetch(ctx, url[:strings.LastIndexByte(url, '/')+1]+name)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o644); err != nil {
				return err
			}
			have[name] = true
		}
		if err := replace(filepath.Join(dir, "video.m3u8"), text); err != nil {
			return err
		}
		if ready != nil {
			ready()
			ready = nil
		}
		query = next(text)
	}
}

// replace writes a file so that readers see the old or the new one.
func replace(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("audience: %s: %s", url, res.Status)
	}
	return b, err
}
