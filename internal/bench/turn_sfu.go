package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// Media compares what it costs to receive from an SFU through a TURN server: for the first contestant, whose relays and SFU
// are one process, the difference to subscribers without relay; for the second, whose relays serve the SFU of the
// first, what its process needs.
func (s TURNSeries) Media(ctx context.Context, ours, rival TURNContestant) error {
	var direct, we, they Report
	for range s.Rounds {
		for _, c := range []struct {
			sum   *Report
			relay *TURNContestant
		}{{&direct, nil}, {&we, &ours}, {&they, &rival}} {
			r, err := s.receive(ctx, ours, c.relay)
			if err != nil {
				return err
			}
			*c.sum = sum(*c.sum, r)
			c.sum.Lost += r.Lost
		}
	}
	relayed := micros(we.PerPacket()) - micros(direct.PerPacket())
	_, err := fmt.Fprintf(s.Out, "%6d subscribers    from SFU   %s %.2f µs (%.2f with, %.2f without relays; %d lost)  %s %.2f µs (%d lost)  ratio %.2f\n", s.Subscribers,
		ours.Name, relayed, micros(we.PerPacket()), micros(direct.PerPacket()), we.Lost, rival.Name, micros(they.PerPacket()), they.Lost, relayed/micros(they.PerPacket()))
	return err
}

// receive measures subscribers of ours, by its relays if it is the relay, by the relay's, or directly.
func (s TURNSeries) receive(ctx context.Context, ours TURNContestant, relay *TURNContestant) (Report, error) {
	sfu, err := ours.Start(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", ours.Name, err)
	}
	defer sfu.Stop()
	o := Options{WHIP: sfu.WHIP, WHEP: sfu.WHEP, PID: sfu.PID, Publishers: 1, Subscribers: s.Subscribers, Light: true,
		Bitrate: s.Bitrate, Warmup: time.Second, Duration: s.Duration, Log: io.Discard}
	switch {
	case relay == nil:
	case relay.Name == ours.Name:
		o.Relay = &sfu
	default:
		srv, err := relay.Start(ctx)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", relay.Name, err)
		}
		defer srv.Stop()
		o.Relay, o.PID = &srv, srv.PID
	}
	return Run(ctx, o)
}

// turnConn is a socket whose datagrams go through a channel.
type turnConn struct {
	*net.UDPConn
	leg *turnLeg
	in  [2048]byte // by the reader only
}

func dialTURN(srv TURNServer, to netip.AddrPort) (net.Conn, error) {
	leg, err := newTURNLeg(srv, to)
	if err != nil {
		return nil, err
	}
	return &turnConn{UDPConn: leg.client, leg: leg}, nil
}

// Read gives the data of the next ChannelData message.
func (c *turnConn) Read(b []byte) (int, error) {
	for {
		n, err := c.UDPConn.Read(c.in[:])
		if err != nil {
			return 0, err
		}
		if n < 4 || binary.BigEndian.Uint16(c.in[:]) != turnChannel {
			continue
		}
		return copy(b, c.in[4:min(n, 4+int(binary.BigEndian.Uint16(c.in[2:])))]), nil
	}
}

// Write sends one ChannelData message.
func (c *turnConn) Write(b []byte) (int, error) {
	m := binary.BigEndian.AppendUint16(make([]byte, 0, 4+len(b)), turnChannel)
	m = binary.BigEndian.AppendUint16(m, uint16(len(b)))
	if _, err := c.UDPConn.Write(append(m, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close leaves the allocation to its server, which ends with the measurement.
func (c *turnConn) Close() error {
	_ = c.leg.peer.Close()
	return c.UDPConn.Close()
}
