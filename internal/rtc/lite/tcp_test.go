package lite

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestSlow: a client that does not read gets less, and the server does not wait for it.
func TestSlow(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	conn := NewConn(a)
	ended := make(chan struct{})
	go func() { defer close(ended); conn.Run() }()
	full := 0
	for range 2 * maxPending / 1000 {
		if conn.Send(make([]byte, 1000), netip.AddrPort{}) != nil {
			full++
		}
	}
	if full == 0 {
		t.Error("nothing was dropped")
	}
	conn.Close()
	<-ended
}

// TestFrames: what is sent comes out whole; a frame that is too long is an error.
func TestFrames(t *testing.T) {
	a, b := net.Pipe()
	left, right := NewConn(a), NewConn(b)
	ended := make(chan struct{})
	go func() { defer close(ended); left.Run() }()
	for _, size := range []int{1, 0, 1200} {
		if err := left.Send(bytes.Repeat([]byte{7}, size), netip.AddrPort{}); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1500)
	for _, size := range []int{1, 0, 1200} {
		if n, err := right.Next(buf, 5*time.Second); err != nil || n != size {
			t.Fatal(n, err)
		}
	}
	if err := left.Send(make([]byte, 1501), netip.AddrPort{}); err != nil {
		t.Fatal(err)
	}
	if _, err := right.Next(buf, 5*time.Second); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	right.Close()
	left.Close()
	<-ended
}

// FuzzRead: any bytes as a stream of frames.
func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 3, 1, 2, 3, 0, 0, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, buf := bytes.NewReader(b), make([]byte, 1500)
		for {
			n, err := Read(r, buf)
			if n > len(buf) {
				t.Fatal(n)
			}
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrTooLong) {
					t.Fatal(err)
				}
				return
			}
		}
	})
}
