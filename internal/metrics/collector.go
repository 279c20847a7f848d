package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// single is a metric that is one number of the snapshot; a family with labels has a line per value.
type single struct {
	name, help string
	kind       prometheus.ValueType
	label      string // name and value of the only label, "" = none
	value      string
	read       func(*Snapshot) float64
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// singles is the list of metrics; docs/guide.md names the ones to watch.
var singles = []single{
	{"veche_rooms", "Rooms.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Rooms) }},
	{"veche_members", "Members of all rooms.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Members) }},
	{"veche_sessions", "Sessions, with or without a socket.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Sessions) }},
	{"veche_peers", "Media connections.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Media.Peers) }},
	{"veche_sockets", "Signalling connections.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Signalling.Sockets) }},
	{"veche_sockets_pending", "Signalling connections that have not joined a room.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Signalling.Pending) }},
	{"veche_tcp_connections", "TCP connections of all protocols.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.Conns) }},
	{"veche_messages_total", "Signalling messages.", counter, "direction", "in", func(s *Snapshot) float64 { return float64(s.Signalling.In) }},
	{"veche_messages_total", "Signalling messages.", counter, "direction", "out", func(s *Snapshot) float64 { return float64(s.Signalling.Out) }},
	{"veche_commands_total", "Commands that rooms acted upon.", counter, "", "", func(s *Snapshot) float64 { return float64(s.Commands) }},
	{"veche_udp_packets_total", "Datagrams of the media port.", counter, "direction", "in", func(s *Snapshot) float64 { return float64(s.UDP.PacketsIn) }},
	{"veche_udp_packets_total", "Datagrams of the media port.", counter, "direction", "out", func(s *Snapshot) float64 { return float64(s.UDP.PacketsOut) }},
	{"veche_udp_bytes_total", "Bytes of the media port.", counter, "direction", "in", func(s *Snapshot) float64 { return float64(s.UDP.BytesIn) }},
	{"veche_udp_bytes_total", "Bytes of the media port.", counter, "direction", "out", func(s *Snapshot) float64 { return float64(s.UDP.BytesOut) }},
	{"veche_forwarded_packets_total", "RTP packets sent to subscribers.", counter, "", "", func(s *Snapshot) float64 { return float64(s.Media.Packets) }},
	{"veche_forwarded_bytes_total", "RTP payload bytes sent to subscribers.", counter, "", "", func(s *Snapshot) float64 { return float64(s.Media.Bytes) }},
	{"veche_asked_packets_total", "RTP packets that publishers were asked for again.", counter, "", "", func(s *Snapshot) float64 { return float64(s.Media.Asked) }},
	{"veche_needless_asked_packets_total", "Of them: those that came by themselves after all.", counter, "", "", func(s *Snapshot) float64 { return float64(s.Media.Needless) }},
	{"veche_turn_allocations", "TURN relays.", gauge, "", "", func(s *Snapshot) float64 { return float64(s.TURN.Allocations) }},
	{"veche_turn_allocations_total", "TURN relays made.", counter, "", "", func(s *Snapshot) float64 { return float64(s.TURN.Made) }},
	{"veche_turn_auth_failures_total", "TURN requests with wrong credentials.", counter, "", "", func(s *Snapshot) float64 { return float64(s.TURN.AuthFailed) }},
	{"veche_turn_packets_total", "Relayed packets.", counter, "direction", "up", func(s *Snapshot) float64 { return float64(s.TURN.PacketsUp) }},
	{"veche_turn_packets_total", "Relayed packets.", counter, "direction", "down", func(s *Snapshot) float64 { return float64(s.TURN.PacketsDown) }},
	{"veche_turn_bytes_total", "Relayed bytes.", counter, "direction", "up", func(s *Snapshot) float64 { return float64(s.TURN.BytesUp) }},
	{"veche_turn_bytes_total", "Relayed bytes.", counter, "direction", "down", func(s *Snapshot) float64 { return float64(s.TURN.BytesDown) }},
}

var (
	droppedDesc = prometheus.NewDesc("veche_dropped_total", "What was dropped, by part of the server and reason.", []string{"part", "reason"}, nil)
	endedDesc   = prometheus.NewDesc("veche_sockets_ended_total", "Signalling connections that ended, by reason.", []string{"reason"}, nil)
)

// frontends are the metrics with a line per front-end.
var frontends = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*Frontend) float64
}{
	{frontendDesc("veche_frontend_clients", "Clients of another system's protocol."), gauge, func(f *Frontend) float64 { return float64(f.Clients) }},
	{frontendDesc("veche_frontend_sockets", "Their connections."), gauge, func(f *Frontend) float64 { return float64(f.Signalling.Sockets) }},
	{frontendDesc("veche_frontend_relayed_total", "Messages from client to client."), counter, func(f *Frontend) float64 { return float64(f.Relayed) }},
	{frontendDesc("veche_frontend_received_total", "Messages from clients."), counter, func(f *Frontend) float64 { return float64(f.Signalling.In) }},
	{frontendDesc("veche_frontend_sent_total", "Messages to clients."), counter, func(f *Frontend) float64 { return float64(f.Signalling.Out) }},
}

var frontendEnded = frontendDesc("veche_frontend_ended_total", "Connections that ended, by reason.", "reason")

func frontendDesc(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"frontend"}, more...), nil)
}

// collectFrontends sends the lines of the front-ends.
func collectFrontends(out chan<- prometheus.Metric, list []Frontend) {
	for i := range list {
		f := &list[i]
		for _, m := range frontends {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(f), f.Name)
		}
		for reason, n := range f.Signalling.Ended {
			out <- prometheus.MustNewConstMetric(frontendEnded, counter, float64(n), f.Name, reason)
		}
	}
}

// collector reads one snapshot per scrape.
type collector struct {
	read  func() Snapshot
	descs []*prometheus.Desc // of singles, same order
	media []*prometheus.Desc // of flows, same order
	rooms []*prometheus.Desc // likewise
}

func newCollector(read func() Snapshot) *collector {
	c := &collector{read: read}
	for _, s := range singles {
		var labels prometheus.Labels
		if s.label != "" {
			labels = prometheus.Labels{s.label: s.value}
		}
		c.descs = append(c.descs, prometheus.NewDesc(s.name, s.help, nil, labels))
	}
	c.media, c.rooms = flowDescs()
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range slices.Concat(c.descs, c.media, c.rooms) {
		out <- d
	}
	out <- droppedDesc
	out <- endedDesc
	out <- frontendEnded
	for _, m := range frontends {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.read()
	for i, m := range singles {
		out <- prometheus.MustNewConstMetric(c.descs[i], m.kind, m.read(&s))
	}
	for i, f := range flows {
		out <- prometheus.MustNewConstMetric(c.media[i], counter, float64(f.read(&s.Media.Traffic)))
		for k := range s.Media.Rooms {
			r := &s.Media.Rooms[k]
			out <- prometheus.MustNewConstMetric(c.rooms[i], counter, float64(f.read(&r.Traffic)), r.Label)
		}
	}
	for _, d := range s.Drops {
		out <- prometheus.MustNewConstMetric(droppedDesc, counter, float64(d.Count), d.Part, d.Reason)
	}
	for reason, n := range s.Signalling.Ended {
		out <- prometheus.MustNewConstMetric(endedDesc, counter, float64(n), reason)
	}
	collectFrontends(out, s.Frontends)
}
