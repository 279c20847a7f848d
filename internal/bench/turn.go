package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pion/stun/v4"
)

// TURNServer is a TURN server that a comparison has started.
type TURNServer struct {
	Addr           netip.AddrPort // UDP
	User, Password string
	Media          netip.AddrPort // of a media server in the same process, invalid if there is none
	WHIP, WHEP     string         // its endpoints
	PID            int
	Stop           func()
}

// TURNContestant starts a TURN server for each round.
type TURNContestant struct {
	Name  string
	Start func(ctx context.Context) (TURNServer, error)
}

// TURNSeries compares TURN servers, which take turns: ChannelData (RFC 8656 §12) of a number of allocations, each with one peer.
type TURNSeries struct {
	Allocations int
	Rates       []int // packets/s of all allocations together
	Size        int   // bytes of data in a packet
	Tick        time.Duration
	Rounds      int
	Duration    time.Duration // of each measurement
	Subscribers int           // of the one publisher, for Media
	Bitrate     int           // of its video, bit/s
	Out         io.Writer
}

// turnWay is where the packets go.
type turnWay uint8

const (
	wayUp    turnWay = iota // client → peer
	wayDown                 // peer → client
	wayMedia                // client → the server's own media socket
)

var turnWayNames = [...]string{"up", "down", "up to SFU"}

// turnCount is what was measured.
type turnCount struct {
	cpu        time.Duration
	sent, lost uint64
}

func (c turnCount) perPacket() float64 { return micros(c.cpu) / max(1, float64(c.sent-c.lost)) }

// loss is in percent.
func (c turnCount) loss() float64 { return 100 * float64(c.lost) / max(1, float64(c.sent)) }

// Compare measures the contestants and prints what they cost, and the ratio of the first to the second. What the second
// needs for packets that the first keeps in the process (to its own media) is what it needs towards any other socket.
func (s TURNSeries) Compare(ctx context.Context, ours, rival TURNContestant) error {
	for _, rate := range s.Rates {
		for way := range turnWayNames {
			var we, they turnCount
			for range s.Rounds {
				if err := s.add(ctx, &we, ours, turnWay(way), rate); err != nil {
					return err
				}
				other := turnWay(way)
				if other == wayMedia {
					other = wayUp
				}
				if err := s.add(ctx, &they, rival, other, rate); err != nil {
					return err
				}
			}
			if _, err := fmt.Fprintf(s.Out, "%6d packets/s  %-9s  %s %.2f µs (%.2f %% lost)  %s %.2f µs (%.2f %% lost)  ratio %.2f\n", rate,
				turnWayNames[way], ours.Name, we.perPacket(), we.loss(), rival.Name, they.perPacket(), they.loss(), we.perPacket()/they.perPacket()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s TURNSeries) add(ctx context.Context, sum *turnCount, c TURNContestant, way turnWay, rate int) error {
	srv, err := c.Start(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	defer srv.Stop()
	got, err := s.measure(ctx, srv, way, rate)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.Name, turnWayNames[way], err)
	}
	sum.cpu += got.cpu
	sum.sent += got.sent
	sum.lost += got.lost
	return nil
}

// measure makes the allocations and sends.
func (s TURNSeries) measure(ctx context.Context, srv TURNServer, way turnWay, rate int) (turnCount, error) {
	var legs []*turnLeg
	defer func() {
		for _, l := range legs {
			l.close()
		}
	}()
	for range s.Allocations {
		var media netip.AddrPort
		if way == wayMedia {
			media = srv.Media
		}
		l, err := newTURNLeg(srv, media)
		if err != nil {
			return turnCount{}, err
		}
		legs = append(legs, l)
	}
	g, err := newTURNLoad(legs, way, s.Size)
	if err != nil {
		return turnCount{}, err
	}
	const warmup = 500 * time.Millisecond
	if err := g.run(ctx, rate, s.Tick, warmup); err != nil {
		return turnCount{}, err
	}
	before, _ := usage(srv.PID)
	sent, got := g.sent, g.got
	if err := g.run(ctx, rate, s.Tick, s.Duration); err != nil {
		return turnCount{}, err
	}
	after, _ := usage(srv.PID)
	c := turnCount{cpu: after.cpu - before.cpu, sent: g.sent - sent}
	if arrived := g.got - got; way != wayMedia && arrived < c.sent {
		c.lost = c.sent - arrived
	}
	return c, nil
}

// turnLeg is an allocation with a channel, and its peer.
type turnLeg struct {
	client *net.UDPConn
	peer   *net.UDPConn // connected to the relay
	relay  netip.AddrPort
	user   string
	realm  string
	key    stun.MessageIntegrity
	nonce  stun.Nonce
}

// turnChannel is the channel of every allocation.
const turnChannel = 0x4000

// newTURNLeg makes one; its channel leads to its own peer, or to to if that is valid.
func newTURNLeg(srv TURNServer, to netip.AddrPort) (*turnLeg, error) {
	l := &turnLeg{user: srv.User}
	var err error
	if l.client, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(srv.Addr)); err != nil {
		return nil, err
	}
	if err = l.open(srv, to); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *turnLeg) open(srv TURNServer, to netip.AddrPort) error {
	transport := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}} // UDP
	first, err := l.ask(stun.MethodAllocate, transport)
	if err != nil {
		return err
	}
	var realm stun.Realm
	if err := errors.Join(realm.GetFrom(first), l.nonce.GetFrom(first)); err != nil {
		return err
	}
	l.realm = realm.String()
	l.key = stun.NewLongTermIntegrity(l.user, l.realm, srv.Password)
	answer, err := l.ask(stun.MethodAllocate, transport)
	if err != nil {
		return err
	}
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(answer, stun.AttrXORRelayedAddress); err != nil {
		return fmt.Errorf("bench: no allocation: %v", answer)
	}
	ip, _ := netip.AddrFromSlice(relayed.IP)
	l.relay = netip.AddrPortFrom(ip.Unmap(), uint16(relayed.Port))
	if l.peer, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(l.relay)); err != nil {
		return err
	}
	peer := l.peer.LocalAddr().(*net.UDPAddr)
	if to.IsValid() {
		peer = net.UDPAddrFromAddrPort(to)
	}
	answer, err = l.ask(stun.MethodChannelBind, peerAddress(*peer),
		stun.RawAttribute{Type: stun.AttrChannelNumber, Value: []byte{turnChannel >> 8, turnChannel & 0xff, 0, 0}})
	if err == nil && answer.Type.Class != stun.ClassSuccessResponse {
		err = fmt.Errorf("bench: no channel: %v", answer)
	}
	return err
}

// peerAddress is XOR-PEER-ADDRESS.
type peerAddress net.UDPAddr

// AddTo implements stun.Setter.
func (p peerAddress) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: p.IP, Port: p.Port}.AddToAs(m, stun.AttrXORPeerAddress)
}

// ask sends a request, with credentials if there are any, until there is an answer.
func (l *turnLeg) ask(method stun.Method, attrs ...stun.Setter) (*stun.Message, error) {
	set := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attrs...)
	if l.key != nil {
		set = append(set, stun.NewUsername(l.user), stun.NewRealm(l.realm), l.nonce, l.key)
	}
	m, err := stun.Build(set...)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 1500)
	for range 20 {
		_, _ = l.client.Write(m.Raw) // refused: the server is about to start
		if err := l.client.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
			return nil, err
		}
		for {
			n, err := l.client.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				time.Sleep(50 * time.Millisecond)
				break
			}
			res := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
			if res.Decode() == nil && res.TransactionID == m.TransactionID {
				return res, l.client.SetReadDeadline(time.Time{})
			}
		}
	}
	return nil, fmt.Errorf("bench: no answer to %v", method)
}

// close also ends the allocation.
func (l *turnLeg) close() {
	if l.key != nil {
		_, _ = l.ask(stun.MethodRefresh, stun.RawAttribute{Type: stun.AttrLifetime, Value: make([]byte, 4)})
	}
	_ = l.client.Close()
	if l.peer != nil {
		_ = l.peer.Close()
	}
}

// turnPacket makes a packet that looks like RTP, as ChannelData if it is a client's.
func turnPacket(way turnWay, size int) []byte {
	var b []byte
	if way != wayDown {
		b = binary.BigEndian.AppendUint16(b, turnChannel)
		b = binary.BigEndian.AppendUint16(b, uint16(size))
	}
	data := make([]byte, size)
	data[0], data[1] = 0x80, 96
	return append(b, data...)
}
