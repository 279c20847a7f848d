package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Peers loads a server that speaks PeerJS's protocol: connections that do nothing, then messages from peer to peer.
type Peers struct {
	Idle     int // connections
	Messages int // relayed, in all
	Size     int // bytes of one
	Pairs    int // that send
	Window   int // messages of a pair under way
	Settle   time.Duration
	Rounds   int
	Out      io.Writer
}

// PeerServer is a server to measure: Start gives the URL of its root, ending in a slash, and its process id.
type PeerServer struct {
	Name  string
	Start func(ctx context.Context) (root string, pid int, stop func(), err error)
}

// Signal is what was measured.
type Signal struct {
	Base    uint64        // resident bytes when nobody is there
	PerConn float64       // bytes
	CPU     time.Duration // per message
}

// Compare lets the servers take turns and prints what they cost and the ratios to the last one.
func (p Peers) Compare(ctx context.Context, servers ...PeerServer) error {
	sums := make([]Signal, len(servers))
	for round := range p.Rounds {
		for i, s := range servers {
			m, err := p.measure(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			if _, err := fmt.Fprintf(p.Out, "round %d  %-8s %s\n", round+1, s.Name, m); err != nil {
				return err
			}
			sums[i].Base += m.Base / uint64(p.Rounds)
			sums[i].PerConn += m.PerConn / float64(p.Rounds)
			sums[i].CPU += m.CPU / time.Duration(p.Rounds)
		}
	}
	last := sums[len(sums)-1]
	for i, s := range servers {
		if _, err := fmt.Fprintf(p.Out, "mean     %-8s %s\n", s.Name, sums[i]); err != nil {
			return err
		}
		if i == len(servers)-1 {
			continue
		}
		_, err := fmt.Fprintf(p.Out, "ratio    %s / %s: base memory %.2f, memory per connection %.2f, CPU per message %.2f\n", s.Name, servers[len(sums)-1].Name,
			float64(sums[i].Base)/float64(last.Base), sums[i].PerConn/last.PerConn, float64(sums[i].CPU)/float64(last.CPU))
		if err != nil {
			return err
		}
	}
	return nil
}

// String is one line.
func (s Signal) String() string {
	return fmt.Sprintf("base %5.1f MiB  %5.2f KiB per connection  %5.2f µs CPU per message", float64(s.Base)/(1<<20), s.PerConn/1024, micros(s.CPU))
}

func (p Peers) measure(ctx context.Context, s PeerServer) (Signal, error) {
	root, pid, stop, err := s.Start(ctx)
	if err != nil {
		return Signal{}, err
	}
	defer stop()
	if err := pause(ctx, p.Settle); err != nil {
		return Signal{}, err
	}
	base, known := usage(pid)
	if !known {
		return Signal{}, errors.New("bench: the server's process cannot be looked at")
	}
	var open []*peerConn
	defer func() {
		for _, c := range open {
			_ = c.conn.Close()
		}
	}()
	for i := range p.Idle {
		c, err := dialPeer(ctx, root, fmt.Sprintf("p%d", i))
		if err != nil {
			return Signal{}, fmt.Errorf("connection %d: %w", i, err)
		}
		open = append(open, c)
	}
	if err := pause(ctx, p.Settle); err != nil {
		return Signal{}, err
	}
	loaded, _ := usage(pid)
	per := (float64(loaded.rss) - float64(base.rss)) / float64(max(1, p.Idle))
	cost, err := p.relay(ctx, open, pid)
	return Signal{Base: base.rss, PerConn: per, CPU: cost}, err
}

// relay sends the messages, Window of each pair under way, and returns the server's CPU time for one.
func (p Peers) relay(ctx context.Context, open []*peerConn, pid int) (time.Duration, error) {
	if len(open) < 2*p.Pairs {
		return 0, errors.New("bench: more pairs than connections")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	each := p.Messages / p.Pairs
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	before, _ := usage(pid)
	for i := range p.Pairs {
		from, to := open[2*i], open[2*i+1]
		deadline, _ := ctx.Deadline()
		_ = errors.Join(from.conn.SetDeadline(deadline), to.conn.SetDeadline(deadline))
		window := make(chan struct{}, p.Window)
		wg.Go(func() {
			frame := peerFrame(to.id, p.Size)
			for range each {
				select {
				case window <- struct{}{}:
				case <-ctx.Done():
					return
				}
				if _, err := from.conn.Write(frame); err != nil {
					failed.Store(&err)
					cancel()
					return
				}
			}
		})
		wg.Go(func() {
			for range each {
				if _, err := to.next(); err != nil {
					failed.Store(&err)
					cancel()
					return
				}
				<-window
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	after, _ := usage(pid)
	return (after.cpu - before.cpu) / time.Duration(each*p.Pairs), nil
}

// peerConn is a peer by hand: a socket and a reader of frames.
type peerConn struct {
	id   string
	conn net.Conn
	r    *bufio.Reader
}

func dialPeer(ctx context.Context, root, id string) (*peerConn, error) {
	u, err := url.Parse(root)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	c := &peerConn{id: id, conn: conn, r: bufio.NewReaderSize(conn, 1024)}
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(conn, "GET %speerjs?key=peerjs&id=%s&token=t%s&version=1.5.5 HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", u.Path, id, id, u.Host)
	if err == nil {
		err = c.welcome()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, conn.SetDeadline(time.Time{})
}

// welcome reads the answer to the handshake, and OPEN.
func (c *peerConn) welcome() error {
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("bench: %s", res.Status)
	}
	text, err := c.next()
	if err == nil && !strings.Contains(string(text), `"OPEN"`) {
		err = fmt.Errorf("bench: %s", text)
	}
	return err
}

// next reads one text message.
func (c *peerConn) next() ([]byte, error) {
	for {
		var h [2]byte
		if _, err := io.ReadFull(c.r, h[:]); err != nil {
			return nil, err
		}
		size := int(h[1] & 0x7f)
		if size == 126 {
			var wide [2]byte
			if _, err := io.ReadFull(c.r, wide[:]); err != nil {
				return nil, err
			}
			size = int(binary.BigEndian.Uint16(wide[:]))
		}
		if size > 1<<15 {
			return nil, errors.New("bench: a message that nobody has sent")
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(c.r, data); err != nil {
			return nil, err
		}
		switch h[0] & 0x0f {
		case 1:
			return data, nil
		case 8:
			return nil, fmt.Errorf("bench: closed: %q", data)
		}
	}
}

// peerFrame is a CANDIDATE for a peer in a masked frame, the message size bytes long.
func peerFrame(dst string, size int) []byte {
	head, tail := `{"type":"CANDIDATE","payload":{"candidate":"`, `","type":"data","connectionId":"dc_1"},"dst":"`+dst+`"}`
	text := head + strings.Repeat("x", max(0, size-len(head)-len(tail))) + tail
	frame := []byte{0x81, 0x80 | 126}
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(text)))
	mask := [4]byte{1, 2, 3, 4}
	frame = append(frame, mask[:]...)
	for i := range len(text) {
		frame = append(frame, text[i]^mask[i&3])
	}
	return frame
}
