// Package metrics shows the server's figures to Prometheus.
//
// Nothing is counted here but the time of joins: the parts of the server keep their own counters,
// and whoever builds it hands over a function that reads them (Snapshot) when somebody scrapes.
// Labels have few values, all named in the code: no ids, names, rooms or addresses.
package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Snapshot is the state of a server at one moment. Gauges are of this moment, the rest only grow.
type Snapshot struct {
	Rooms, Members, Sessions, Peers int64 // gauges; a peer is a media connection
	Sockets, PendingSockets         int64 // gauges: signalling connections, and those not yet in a room
	Conns                           int64 // gauge: TCP connections, all protocols

	MessagesIn, MessagesOut uint64            // signalling
	Commands                uint64            // acted upon by rooms
	SocketsEnded            map[string]uint64 // by reason

	UDPPacketsIn, UDPPacketsOut, UDPBytesIn, UDPBytesOut uint64
	Forwarded, ForwardedBytes                            uint64 // RTP to subscribers
	Retransmitted, KeyFrameRequests                      uint64

	Allocations                                      int64 // gauge: TURN relays
	AllocationsMade, AuthFailed                      uint64
	RelayUp, RelayDown, RelayUpBytes, RelayDownBytes uint64 // packets and bytes client → peer and back
	Drops                                            []Drop
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
