// Package bench loads a media server from outside and measures what forwarding costs it.
//
// One or more publishers send synthetic VP8 and Opus by WHIP, many subscribers receive by WHEP; any server
// that speaks both can be measured. Packets carry the time they were sent, so latency is from socket to
// socket of this process. What the server's process needs is read from /proc (Linux).
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Options say what load to make.
type Options struct {
	WHIP, WHEP  string // endpoint URLs; {n} is the number of the publisher whose room it is, from 0
	Token       string // bearer token, "" = none
	PID         int    // of the server, 0 = not known: CPU and memory are not measured
	Publishers  int
	Subscribers int           // of each publisher
	Light       bool          // subscribers that do next to nothing, so that the server has the machine; no latency then
	Relay       *TURNServer   // light subscribers receive through it, nil = directly
	Bitrate     int           // bit/s of one publisher's video, without headers
	Warmup      time.Duration // between the last join and the measurement
	Duration    time.Duration
	Log         io.Writer // progress, for people
}

// Report is what was measured.
type Report struct {
	Publishers, Subscribers int
	Duration                time.Duration
	Sent, Received, Lost    uint64 // packets: from all publishers, at all subscribers, and what is missing there
	P50, P95, P99           time.Duration
	JoinP50, JoinP99        time.Duration // from the request to the first media packet
	CPU                     time.Duration // of the server while it was measured
	JoinCPU                 time.Duration // of the server per join, with what it forwarded meanwhile
	Meanwhile               uint64        // packets that were due to subscribers while others joined
	RSS, RSSBefore          uint64        // bytes of the server's resident set: loaded, and before the subscribers came
	Known                   bool          // CPU, JoinCPU, RSS and RSSBefore were measured
}

// PerPacket is the server's CPU time for one forwarded packet.
func (r Report) PerPacket() time.Duration {
	if n := r.Received + r.Lost; n > 0 {
		return r.CPU / time.Duration(n)
	}
	return 0
}

// JoinOnly is the server's CPU time for a join: JoinCPU without the packets that were forwarded meanwhile, at what a packet
// costs later.
func (r Report) JoinOnly() time.Duration {
	return r.JoinCPU - r.PerPacket()*time.Duration(r.Meanwhile)/time.Duration(max(1, r.Subscribers))
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// Write prints the report for people and for grep: one "name value unit" a line.
func (r Report) Write(w io.Writer) error {
	seconds := r.Duration.Seconds()
	rows := []string{
		fmt.Sprintf("publishers      %d", r.Publishers),
		fmt.Sprintf("subscribers     %d", r.Subscribers),
		fmt.Sprintf("published       %.0f packets/s", float64(r.Sent)/seconds),
		fmt.Sprintf("forwarded       %.0f packets/s", float64(r.Received)/seconds),
		fmt.Sprintf("lost            %d packets (%.4f %%)", r.Lost, 100*float64(r.Lost)/max(1, float64(r.Received+r.Lost))),
		fmt.Sprintf("latency         p50 %v  p95 %v  p99 %v", round(r.P50), round(r.P95), round(r.P99)),
		fmt.Sprintf("join            p50 %v  p99 %v", round(r.JoinP50), round(r.JoinP99)),
	}
	if r.Known {
		perSubscriber := (float64(r.RSS) - float64(r.RSSBefore)) / 1024 / max(1, float64(r.Subscribers))
		rows = append(rows,
			fmt.Sprintf("server CPU      %.2f µs per forwarded packet (%.0f %% of one core)", float64(r.PerPacket().Nanoseconds())/1e3, 100*r.CPU.Seconds()/seconds),
			fmt.Sprintf("server CPU      %.2f ms per join, %.2f ms without what was forwarded meanwhile", millis(r.JoinCPU), millis(r.JoinOnly())),
			fmt.Sprintf("server memory   %.1f MiB, %.0f KiB per subscriber", float64(r.RSS)/(1<<20), perSubscriber),
		)
	} else {
		rows = append(rows, "server CPU      not measured: the server's process is not known")
	}
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, row); err != nil {
			return err
		}
	}
	return nil
}

// Line is the cost in one line.
func (r Report) Line() string {
	return fmt.Sprintf("%6.2f µs per packet  %5.0f KiB per subscriber  %d lost", micros(r.PerPacket()), perSubscriber(r), r.Lost)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// Run makes the load and measures. It needs no longer than the joins, Warmup and Duration take.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Publishers < 1 || o.Subscribers < 1 || o.Bitrate < 8*packetSize || o.Duration <= 0 {
		return Report{}, errors.New("bench: publishers, subscribers, bitrate and duration must be positive")
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &load{o: o, ctx: ctx, client: newSignaller(o.Token)}
	defer func() {
		cancel()
		l.close()
	}()
	return l.run()
}

// viewer is a subscriber.
type viewer interface {
	waitMedia(ctx context.Context) error
	begin()
	end() (received, lost uint64, latencies []time.Duration)
	close(s *signaller)
}

func (l *load) viewer(n int) (viewer, error) {
	if l.o.Light {
		return newLight(l.ctx, l.client, numbered(l.o.WHEP, n), l.o.Relay)
	}
	return newSubscriber(l.ctx, l.client, numbered(l.o.WHEP, n))
}

// load is one run.
type load struct {
	o      Options
	ctx    context.Context
	client *signaller
	wg     sync.WaitGroup // publishers' senders
	pubs   []*publisher
	subs   []viewer
}

func (l *load) run() (Report, error) {
	r := Report{Publishers: l.o.Publishers, Subscribers: l.o.Publishers * l.o.Subscribers, Duration: l.o.Duration}
	for n := range l.o.Publishers {
		p, err := newPublisher(l.ctx, l.client, numbered(l.o.WHIP, n), l.o.Bitrate)
		if err != nil {
			return r, fmt.Errorf("publisher %d: %w", n, err)
		}
		l.pubs = append(l.pubs, p)
		l.wg.Go(func() { p.send(l.ctx) })
	}
	before, known := usage(l.o.PID)
	if err := l.join(&r); err != nil {
		return r, err
	}
	joined, _ := usage(l.o.PID)
	r.Known, r.RSSBefore = known, before.rss
	r.JoinCPU = (joined.cpu - before.cpu) / time.Duration(r.Subscribers)
	if _, err := fmt.Fprintf(l.o.Log, "%d subscribers receive; measuring for %v\n", r.Subscribers, l.o.Duration); err != nil {
		return r, err
	}
	if err := pause(l.ctx, l.o.Warmup); err != nil {
		return r, err
	}
	return l.measure(r)
}

// join brings the subscribers in one after the other.
func (l *load) join(r *Report) error {
	took := make([]time.Duration, 0, r.Subscribers)
	was := l.sent()
	for n := range l.o.Publishers {
		for i := range l.o.Subscribers {
			began := time.Now()
			s, err := l.viewer(n)
			if err != nil {
				return fmt.Errorf("subscriber %d of publisher %d: %w", i, n, err)
			}
			l.subs = append(l.subs, s)
			if err := s.waitMedia(l.ctx); err != nil {
				return fmt.Errorf("subscriber %d of publisher %d: %w", i, n, err)
			}
			took = append(took, time.Since(began))
			now := l.sent()
			r.Meanwhile += (now - was) * uint64(len(l.subs)-1) / uint64(len(l.pubs))
			was = now
		}
	}
	slices.Sort(took)
	r.JoinP50, r.JoinP99 = quantile(took, 0.50), quantile(took, 0.99)
	return nil
}

func (l *load) measure(r Report) (Report, error) {
	sentBefore := l.sent()
	for _, s := range l.subs {
		s.begin()
	}
	start, _ := usage(l.o.PID)
	if err := pause(l.ctx, l.o.Duration); err != nil {
		return r, err
	}
	end, _ := usage(l.o.PID)
	r.CPU, r.RSS = end.cpu-start.cpu, end.rss
	r.Sent = l.sent() - sentBefore
	var latencies []time.Duration
	for _, s := range l.subs {
		got, lost, lat := s.end()
		r.Received += got
		r.Lost += lost
		latencies = append(latencies, lat...)
	}
	slices.Sort(latencies)
	r.P50, r.P95, r.P99 = quantile(latencies, 0.50), quantile(latencies, 0.95), quantile(latencies, 0.99)
	if r.Received == 0 {
		return r, errors.New("bench: nothing was received while it was measured")
	}
	return r, nil
}

// sent is how many packets all publishers have sent.
func (l *load) sent() (n uint64) {
	for _, p := range l.pubs {
		n += p.sent.Load()
	}
	return n
}

func (l *load) close() {
	for _, s := range l.subs {
		s.close(l.client)
	}
	l.wg.Wait()
	for _, p := range l.pubs {
		p.close(l.client)
	}
	l.client.close()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
