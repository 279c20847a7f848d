// Package metrics shows the server's figures to Prometheus.
//
// Nothing is counted here but the time of joins: the parts of the server keep their own counters,
// and whoever builds it hands over a function that reads them (Snapshot) when somebody scrapes.
// Labels have few values, all named in the code: no ids, names or addresses. The busiest rooms have figures of their own, under
// a label that does not tell their codes.
package metrics

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Snapshot is the state of a server at one moment. Gauges (int64) are of this moment, counters
// (uint64) only grow.
type Snapshot struct {
	Rooms, Members, Sessions int64
	Commands                 uint64 // acted upon by rooms
	Conns                    int64  // TCP connections, all protocols
	Signalling               Signalling
	UDP                      UDP
	Media                    Media
	TURN                     TURN
	Drops                    []Drop
	Frontends                []Frontend
}

// Signalling is what sockets do.
type Signalling struct {
	Sockets, Pending int64             // all, and those not yet in a room
	In, Out          uint64            // messages
	Ended            map[string]uint64 // sockets, by reason
}

// Frontend is what the clients of another system do.
type Frontend struct {
	Name       string // as in the configuration
	Clients    int64
	Relayed    uint64 // messages from client to client
	Signalling Signalling
}

// UDP is the traffic of the media port.
type UDP struct {
	PacketsIn, PacketsOut, BytesIn, BytesOut uint64
}

// Media is the work of the SFU.
type Media struct {
	Peers          int64  // media connections
	Packets, Bytes uint64 // SRTP sent to subscribers
	Asked          uint64 // packets that publishers were asked for again
	Needless       uint64 // of them: came by themselves after all
	Traffic               // of all rooms since the start
	Rooms          []Room // the busiest
}

// Room is the traffic of one room.
type Room struct {
	Label string // says which room without telling its code, see Label
	Traffic
}

// Traffic is what media did, in packets unless said otherwise.
type Traffic struct {
	In, BytesIn                uint64 // from publishers; payload bytes
	Recovered                  uint64 // of these: came late or again
	Out, BytesOut              uint64 // to subscribers, first transmissions; payload bytes
	Lost                       uint64 // reported by subscribers
	Nacked                     uint64 // asked for again by subscribers
	Retransmitted, Unavailable uint64 // of these: sent again, or not kept any more
	KeyFrames                  uint64 // pictures of publishers
	KeyFrameRequests           uint64 // sent to publishers
	KeyFrameWishes             uint64 // of subscribers
	LayerSwitches              uint64 // of pictures in seats
}

// Label makes the label of a room from its code: the first 8 hexadecimal digits of its SHA-256. Whoever knows the code finds
// the room, nobody else learns it.
func Label(room string) string {
	sum := sha256.Sum256([]byte(room))
	return hex.EncodeToString(sum[:4])
}

// TURN is the work of the TURN server; up is from the client to its peer.
type TURN struct {
	Allocations                                int64
	Made, AuthFailed                           uint64
	PacketsUp, PacketsDown, BytesUp, BytesDown uint64
}

// Drop counts what one part of the server dropped for one reason.
type Drop struct {
	Part, Reason string // for example "udp" and "queue-full"
	Count        uint64
}

// Metrics is the server's set of metrics in a registry.
type Metrics struct {
	registry prometheus.Registerer
	all      []prometheus.Collector
	join     prometheus.Histogram
}

// New registers the metrics of a server. read is called at each scrape, from any goroutine. An error
// means that the registry has metrics of these names already.
func New(registry prometheus.Registerer, version string, read func() Snapshot) (*Metrics, error) {
	m := &Metrics{
		registry: registry,
		join: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "veche_join_seconds",
			Help:    "Time from a client's hello to its welcome.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "veche_build_info",
		Help:        "Always 1; the labels tell the version.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{m.join, build, newCollector(read)} {
		if err := registry.Register(c); err != nil {
			return nil, errors.Join(fmt.Errorf("metrics: %w", err), m.Close())
		}
		m.all = append(m.all, c)
	}
	return m, nil
}

// Joined notes how long a join took. Any goroutine.
func (m *Metrics) Joined(took time.Duration) { m.join.Observe(took.Seconds()) }

// Close takes the metrics out of the registry, so that another server can use it.
func (m *Metrics) Close() error {
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
	m.all = nil
	return nil
}

// NewRegistry returns a registry with the figures of the process and the Go runtime.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// Handler serves what g gathers in the formats of Prometheus.
func Handler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
