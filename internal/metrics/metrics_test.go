package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func scrape(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(g).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestScrapeShowsTheSnapshot(t *testing.T) {
	state := Snapshot{
		Rooms: 2, Members: 5, Sessions: 6, Conns: 9, Commands: 12,
		Signalling: Signalling{Sockets: 7, Pending: 1, In: 10, Out: 11, Ended: map[string]uint64{"slow": 3}},
		UDP:        UDP{PacketsIn: 20, PacketsOut: 21, BytesIn: 22, BytesOut: 23},
		Media: Media{
			Peers: 4, Packets: 30, Bytes: 31, Traffic: Traffic{
				In: 70, BytesIn: 71, Recovered: 72, Out: 73, BytesOut: 74, Lost: 75, Nacked: 76, Retransmitted: 77, Unavailable: 78,
				KeyFrames: 79, KeyFrameRequests: 80, KeyFrameWishes: 81, LayerSwitches: 82,
			},
			Rooms: []Room{{Label("tea"), Traffic{In: 90}}, {Label("coffee"), Traffic{LayerSwitches: 91}}},
		},
		TURN:      TURN{Allocations: 40, Made: 41, AuthFailed: 42, PacketsUp: 43, PacketsDown: 44, BytesUp: 45, BytesDown: 46},
		Frontends: []Frontend{{Name: "peerjs", Clients: 60, Relayed: 61, Signalling: Signalling{Sockets: 62, In: 63, Out: 64, Ended: map[string]uint64{"idle": 65}}}},
		Drops:     []Drop{{Part: "udp", Reason: "queue-full", Count: 50}, {Part: "turn", Reason: "policy", Count: 51}},
	}
	r := prometheus.NewRegistry()
	m, err := New(r, "v1.2.3", func() Snapshot { return state })
	if err != nil {
		t.Fatal(err)
	}
	m.Joined(30 * time.Millisecond)
	body := scrape(t, r)
	for _, line := range []string{
		"veche_rooms 2", "veche_members 5", "veche_sessions 6", "veche_peers 4", "veche_sockets 7", "veche_sockets_pending 1", "veche_tcp_connections 9",
		`veche_messages_total{direction="in"} 10`, `veche_messages_total{direction="out"} 11`, "veche_commands_total 12",
		`veche_sockets_ended_total{reason="slow"} 3`,
		`veche_frontend_clients{frontend="peerjs"} 60`, `veche_frontend_relayed_total{frontend="peerjs"} 61`, `veche_frontend_sockets{frontend="peerjs"} 62`,
		`veche_frontend_received_total{frontend="peerjs"} 63`, `veche_frontend_sent_total{frontend="peerjs"} 64`, `veche_frontend_ended_total{frontend="peerjs",reason="idle"} 65`,
		`veche_udp_packets_total{direction="in"} 20`, `veche_udp_packets_total{direction="out"} 21`,
		`veche_udp_bytes_total{direction="in"} 22`, `veche_udp_bytes_total{direction="out"} 23`,
		"veche_forwarded_packets_total 30", "veche_forwarded_bytes_total 31",
		"veche_media_received_packets_total 70", "veche_media_received_bytes_total 71", "veche_media_recovered_packets_total 72",
		"veche_media_sent_packets_total 73", "veche_media_sent_bytes_total 74", "veche_media_lost_packets_total 75", "veche_media_nacked_packets_total 76",
		"veche_media_retransmitted_packets_total 77", "veche_media_unavailable_packets_total 78", "veche_media_keyframes_total 79",
		"veche_media_keyframe_requests_total 80", "veche_media_keyframe_wishes_total 81", "veche_media_layer_switches_total 82",
		`veche_room_received_packets_total{room="` + Label("tea") + `"} 90`, `veche_room_layer_switches_total{room="` + Label("coffee") + `"} 91`,
		"veche_turn_allocations 40", "veche_turn_allocations_total 41", "veche_turn_auth_failures_total 42",
		`veche_turn_packets_total{direction="up"} 43`, `veche_turn_packets_total{direction="down"} 44`,
		`veche_turn_bytes_total{direction="up"} 45`, `veche_turn_bytes_total{direction="down"} 46`,
		`veche_dropped_total{part="udp",reason="queue-full"} 50`, `veche_dropped_total{part="turn",reason="policy"} 51`,
		`veche_join_seconds_bucket{le="0.025"} 0`, `veche_join_seconds_bucket{le="0.05"} 1`, "veche_join_seconds_count 1",
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if !strings.Contains(body, `version="v1.2.3"`) {
		t.Error("no version")
	}
	state.Rooms = 3
	if !strings.Contains(scrape(t, r), "veche_rooms 3\n") {
		t.Error("the second scrape shows old figures")
	}
}

func TestTwoServersCannotShareARegistryAtOnce(t *testing.T) {
	r := prometheus.NewRegistry()
	read := func() Snapshot { return Snapshot{} }
	first, err := New(r, "a", read)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(r, "a", read); err == nil {
		t.Fatal("a second server registered the same names")
	}
	if strings.Count(scrape(t, r), "\nveche_rooms ") != 1 {
		t.Error("the refused server took the first one's metrics away")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(r, "a", read); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// TestNames keeps the rules of Prometheus: counters end in _total, gauges do not, units are base units.
func TestNames(t *testing.T) {
	for _, s := range singles {
		if got := strings.HasSuffix(s.name, "_total"); got != (s.kind == counter) {
			t.Errorf("%s: the suffix _total does not fit its kind", s.name)
		}
		if !strings.HasPrefix(s.name, "veche_") || !strings.HasSuffix(s.help, ".") {
			t.Errorf("%s: prefix or help", s.name)
		}
	}
}

// Two rooms differ, a code cannot be read off its label, and flows keep the rules as well.
func TestFlows(t *testing.T) {
	if Label("tea") == Label("coffee") || len(Label("tea")) != 8 || strings.Contains(Label("tea"), "tea") {
		t.Errorf("labels %s, %s", Label("tea"), Label("coffee"))
	}
	for _, f := range flows {
		if !strings.HasSuffix(f.name, "_total") || !strings.HasSuffix(f.help, ".") {
			t.Errorf("%s: suffix or help", f.name)
		}
	}
}

func TestNewRegistryHasTheProcess(t *testing.T) {
	body := scrape(t, NewRegistry())
	for _, name := range []string{"go_goroutines ", "process_open_fds "} {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}
