package metrics

import "github.com/prometheus/client_golang/prometheus"

// flow is a figure of the traffic: veche_media_… of the whole server, veche_room_… of a room.
type flow struct {
	name, help string
	read       func(*Traffic) uint64
}

// flows is the list of them; docs/guide.md names the ones to watch.
var flows = []flow{
	{"received_packets_total", "RTP packets of publishers.", func(t *Traffic) uint64 { return t.In }},
	{"received_bytes_total", "RTP payload bytes of publishers.", func(t *Traffic) uint64 { return t.BytesIn }},
	{"recovered_packets_total", "RTP packets of publishers that came late or were sent again.", func(t *Traffic) uint64 { return t.Recovered }},
	{"sent_packets_total", "RTP packets sent to subscribers, without repetitions.", func(t *Traffic) uint64 { return t.Out }},
	{"sent_bytes_total", "RTP payload bytes sent to subscribers, without repetitions.", func(t *Traffic) uint64 { return t.BytesOut }},
	{"lost_packets_total", "RTP packets that subscribers report as lost.", func(t *Traffic) uint64 { return t.Lost }},
	{"nacked_packets_total", "RTP packets that subscribers asked for again.", func(t *Traffic) uint64 { return t.Nacked }},
	{"retransmitted_packets_total", "RTP packets sent again to subscribers.", func(t *Traffic) uint64 { return t.Retransmitted }},
	{"unavailable_packets_total", "RTP packets that were asked for too late.", func(t *Traffic) uint64 { return t.Unavailable }},
	{"keyframes_total", "Key frames of publishers.", func(t *Traffic) uint64 { return t.KeyFrames }},
	{"keyframe_requests_total", "Key frames asked of publishers.", func(t *Traffic) uint64 { return t.KeyFrameRequests }},
	{"keyframe_wishes_total", "Key frames that subscribers asked for.", func(t *Traffic) uint64 { return t.KeyFrameWishes }},
	{"layer_switches_total", "Changes of the layer that a seat shows.", func(t *Traffic) uint64 { return t.LayerSwitches }},
}

// flowDescs are the descriptions of flows, in their order, for the server and for rooms.
func flowDescs() (server, rooms []*prometheus.Desc) {
	for _, f := range flows {
		server = append(server, prometheus.NewDesc("veche_media_"+f.name, f.help, nil, nil))
		rooms = append(rooms, prometheus.NewDesc("veche_room_"+f.name, f.help+" Of the busiest rooms.", []string{"room"}, nil))
	}
	return server, rooms
}
