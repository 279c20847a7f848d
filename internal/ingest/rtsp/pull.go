package rtsp

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"veche.example/internal/ingest/intake"
)

// Dial connects to an address that the caller has judged.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Pull plays what a camera at a URL (rtsp, rtsps) shows, with media inside of the connection, until it ends or ctx is done.
// admit is called when the camera has answered. The error is never nil.
func Pull(ctx context.Context, target string, dial Dial, admit func(context.Context) (*intake.Stream, error)) error {
	u, err := base.ParseURL(target)
	if err != nil {
		return fmt.Errorf("rtsp: %w", err)
	}
	tcp := gortsplib.ProtocolTCP
	c := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Protocol: &tcp, UserAgent: "veche", DialContext: dial}
	if err := c.Start(); err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	d, _, err := c.Describe(u)
	if err != nil {
		return err
	}
	stream, err := admit(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	in := stream.Input()
	defer in.Close()
	from := &clientSource{Client: c, in: in, failed: make(chan struct{})}
	if err := connect(in, from, d.Medias); err != nil {
		return err
	}
	if err := setup(c, d, from.wanted); err != nil {
		return err
	}
	if _, err := c.Play(nil); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // ends with Close
	select {
	case err = <-ended:
	case <-stream.Done():
		err = fmt.Errorf("rtsp: the stream was ended: %s", stream.Reason())
	case <-from.failed:
		err = in.Err()
	case <-ctx.Done():
		err = ctx.Err()
	}
	return err
}

// setup asks for the tracks that somebody takes. Callbacks must be set after it, so connect has only noted them.
func setup(c *gortsplib.Client, d *description.Session, wanted []taken) error {
	done := map[*description.Media]bool{}
	for _, w := range wanted {
		if done[w.media] {
			continue
		}
		done[w.media] = true
		if _, err := c.Setup(d.BaseURL, w.media, 0, 0); err != nil {
			return err
		}
	}
	for _, w := range wanted {
		c.OnPacketRTP(w.media, w.format, w.take)
	}
	return nil
}

// taken is a track with somebody who takes it.
type taken struct {
	media  *description.Media
	format format.Format
	take   func(*rtp.Packet)
}

// clientSource is a camera.
type clientSource struct {
	*gortsplib.Client
	in     *intake.Input
	wanted []taken
	once   sync.Once
	failed chan struct{} // closed when the stream cannot go on
}

// OnPacketRTP implements source.
func (s *clientSource) OnPacketRTP(m *description.Media, f format.Format, take func(*rtp.Packet)) {
	s.wanted = append(s.wanted, taken{m, f, func(p *rtp.Packet) {
		take(p)
		if s.in.Err() != nil {
			s.once.Do(func() { close(s.failed) })
		}
	}})
}
