// Package config is the configuration of a server: one struct that carries its own documentation,
// filled from defaults, a YAML file, the environment and overrides, in this order.
//
//	struct with doc tags (config.go) ─▶ table of fields (field.go) ─▶ Load (load.go), Validate (validate.go),
//	                                                                  veche.example.yaml, docs/configuration.md (render.go)
package config

import (
	"net/netip"
	"time"
)

// Config is everything a server can be told. The zero value is not usable, begin with Default.
type Config struct {
	HTTP    HTTP    `koanf:"http" doc:"The web server: pages, signalling, WHIP and WHEP."`
	Metrics Metrics `koanf:"metrics" doc:"What operators look at."`
	Media   Media   `koanf:"media" doc:"Where audio and video arrive."`
	TURN    TURN    `koanf:"turn" doc:"The embedded TURN server, for calls between people behind difficult networks."`
	Auth    Auth    `koanf:"auth" doc:"Who may join."`
	Rooms   Rooms   `koanf:"rooms" doc:"What holds for every room."`
	Limits  Limits  `koanf:"limits" doc:"What one client may cost."`
	Log     Log     `koanf:"log" doc:"Logs go to standard error."`
	WHIP    WHIP    `koanf:"whip" doc:"Encoders and players that come by HTTP: WHIP and WHEP."`
	Streams Streams `koanf:"streams" doc:"Streams of other protocols that come into a room."`

	Outputs Outputs `koanf:"outputs" doc:"What goes out of a room to audiences that play over HTTP: HLS with low latency, and MPEG-DASH. Nothing is made before somebody asks for it."`

	Frontends Frontends `koanf:"frontends" doc:"Signalling protocols of other systems, so that their clients move here by a change of URL: a list of names, or a map with settings, where naming one serves it. Media goes from browser to browser. veche demo serves all of them."`
}

// HTTP configures the web server.
type HTTP struct {
	Listen         string         `koanf:"listen" doc:"HOST:PORT to listen on; an empty host means all addresses. TURN and ICE over TCP (with tls: over TLS too) are served on the same port."`
	Prefix         string         `koanf:"prefix" doc:"Path under which everything is served, for example /veche. Only for a proxy that hands on the whole path; one that strips the prefix sends X-Forwarded-Prefix instead."`
	TrustedProxies []netip.Prefix `koanf:"trustedProxies" doc:"Addresses or networks (CIDR) of proxies whose X-Forwarded-For, -Proto, -Host and -Prefix are believed. Nobody else's are."`
	Origins        []string       `koanf:"origins" doc:"Origins of foreign web pages that may use this server, for example https://example.org; * means any. Its own pages always may."`
	TLS            TLS            `koanf:"tls" doc:"Browsers give camera and microphone only to pages from HTTPS or localhost."`
}

// TLS configures HTTPS, and TURN and ICE inside of TLS on the same port.
type TLS struct {
	Cert       string `koanf:"cert" doc:"File with the certificate chain (PEM). It is read again when it changes."`
	Key        string `koanf:"key" doc:"File with the private key (PEM)."`
	SelfSigned bool   `koanf:"selfSigned" doc:"Make a certificate at each start; browsers warn about it."`
}

// Enabled tells whether HTTPS is served.
func (t TLS) Enabled() bool { return t.SelfSigned || t.Cert != "" || t.Key != "" }

// Metrics configures the listener for operators.
type Metrics struct {
	Listen string `koanf:"listen" doc:"HOST:PORT for /metrics (Prometheus) and /debug/pprof, for example 127.0.0.1:9788; empty means none. Whoever reaches it needs no password."`
}

// Media configures the media sockets.
type Media struct {
	UDP      string       `koanf:"udp" doc:"HOST:PORT of the one UDP port for media, STUN and TURN; an empty host means all addresses."`
	TCP      string       `koanf:"tcp" doc:"HOST:PORT for media and TURN over TCP, for networks that block UDP; empty means only the port of http.listen."`
	IPs      []netip.Addr `koanf:"ips" doc:"Addresses at which clients reach this machine, when they are not its own (1:1 NAT, containers). Empty means those of its interfaces."`
	GSO      bool         `koanf:"gso" doc:"Let the kernel cut runs of packets to one client apart (Linux, UDP_SEGMENT); where a network card cannot do it, that is noticed. Turn it off only to measure what it is worth."`
	Speakers int          `koanf:"speakers" min:"1" doc:"How many microphones of a room are sent at a time: the loudest. Who tells no audio levels is always sent."`
	Loopback bool         `koanf:"loopback" doc:"Offer the loopback address too: for clients on this machine."`
}

// TURN configures the embedded TURN server.
type TURN struct {
	Mode       string         `koanf:"mode" enum:"strict open" doc:"strict: relays reach only this server's media ports and each other, so nobody can use them to look into your network, and no relay port needs to be open in a firewall. open: relays reach every public address."`
	Realm      string         `koanf:"realm" doc:"The realm that TURN clients are shown."`
	TTL        time.Duration  `koanf:"ttl" min:"1m" doc:"How long credentials are good for new relays. Each member gets its own."`
	PortMin    int            `koanf:"portMin" max:"65535" doc:"Lowest UDP port of relays; 0 lets the system choose."`
	PortMax    int            `koanf:"portMax" max:"65535" doc:"Highest UDP port of relays."`
	AllowPeers []netip.Prefix `koanf:"allowPeers" doc:"With mode open: private networks that relays may reach although they would be refused."`
	DenyPeers  []netip.Prefix `koanf:"denyPeers" doc:"With mode open: further networks that relays must not reach."`
	Quotas     Quotas         `koanf:"quotas" doc:"How many relays there may be at a time."`
}

// Quotas bound the TURN server.
type Quotas struct {
	Member      int `koanf:"member" min:"1" doc:"Relays of one member. A browser opens up to three for each of its connections."`
	IP          int `koanf:"ip" min:"1" doc:"Relays of one client address (IPv6: /64): of a whole office behind one NAT."`
	Total       int `koanf:"total" min:"1" doc:"Relays of the whole server."`
	Permissions int `koanf:"permissions" min:"1" doc:"Addresses that one relay may talk to."`
}

// Auth configures who may join.
type Auth struct {
	Secret     Secret `koanf:"secret" doc:"Key that signs and checks tokens, at least 32 bytes; make one with: openssl rand -base64 48"`
	SecretFile string `koanf:"secretFile" doc:"File that holds the secret, instead of auth.secret."`
	OpenRooms  bool   `koanf:"openRooms" doc:"Let people make and join rooms without a token."`
}

// Rooms configures what holds for every room.
type Rooms struct {
	MaxMembers  int           `koanf:"maxMembers" min:"1" doc:"Members of one room, viewers included."`
	MaxRooms    int           `koanf:"maxRooms" min:"1" doc:"Rooms at a time."`
	RingTimeout time.Duration `koanf:"ringTimeout" min:"1s" doc:"How long a call rings."`
	Grace       time.Duration `koanf:"grace" min:"1s" doc:"How long somebody who lost the connection keeps the seat."`
	ReloadGrace time.Duration `koanf:"reloadGrace" min:"1s" doc:"The same for somebody who closed or reloaded the page."`
	Audio       []string      `koanf:"audio" enum:"opus g722 pcmu pcma" doc:"Audio codecs, best first; empty means opus, g722, pcmu, pcma."`
	Video       []string      `koanf:"video" enum:"vp8 vp9 av1 h264 h265" doc:"Video codecs, best first; empty means vp8, vp9, h264, av1, h265."`
}

// Limits bound what one client may cost.
type Limits struct {
	MessagesPerSecond int   `koanf:"messagesPerSecond" min:"1" doc:"Signalling messages of one connection per second."`
	Burst             int   `koanf:"burst" min:"1" doc:"Signalling messages of one connection at once."`
	Frame             Bytes `koanf:"frame" min:"4096" max:"65536" doc:"Size of a signalling message; the protocol allows no more than the default."`
	SDP               Bytes `koanf:"sdp" min:"16384" max:"524288" doc:"Size of a message that carries a session description; the protocol allows no more than the default."`
	Connections       int   `koanf:"connections" min:"1" doc:"Signalling connections of the whole server."`
	CPU               int   `koanf:"cpu" min:"1" max:"100" doc:"Per cent of all cores: while the server uses more, nobody new is let in (they are told to come back), so that those who are there keep their quality."`
	PendingPerIP      int   `koanf:"pendingPerIP" min:"1" doc:"Connections of one address (IPv6: /64) that have not joined a room yet."`
}

// WHIP configures WHIP and WHEP.
type WHIP struct {
	Encoders string `koanf:"encoders" enum:"replace refuse several" doc:"What becomes of an encoder that comes while it seems to be there: one with the same room, token and name (without a token: and address). replace: it takes its own place, without a token only if the first one has gone silent; refuse: it is refused as long as the first one sends anything; several: both are shown."`
	Wait     bool   `koanf:"wait" doc:"Let players wait in a room where nobody publishes yet. Otherwise they are answered 404 (nobody is there) or 409 (nobody publishes)."`
	Embed    bool   `koanf:"embed" doc:"Let foreign web pages show the player page, watch/ROOM/embed, in a frame."`
}

// Streams configures what comes in by other protocols than WebRTC.
type Streams struct {
	RTMP  string `koanf:"rtmp" doc:"HOST:PORT for encoders that push by RTMP, for example OBS; the usual port is 1935. Empty means none."`
	RTMPS string `koanf:"rtmps" doc:"The same inside of TLS, with the certificate of http.tls; the usual port is 1936. Empty means none."`
	RTSP  string `koanf:"rtsp" doc:"HOST:PORT for encoders that push by RTSP; the usual port is 8554. Empty means none."`
	SRT   string `koanf:"srt" doc:"HOST:PORT (UDP) for encoders that push by SRT; the usual port is 8890. Empty means none."`

	Passphrase Secret         `koanf:"passphrase" doc:"SRT encoders must know it, and what they send is encrypted with it; 10 to 79 characters. Empty means neither."`
	Pull       []string       `koanf:"pull" doc:"Sources that the server calls, and calls again when they are gone: ROOM URL NAME, where the URL begins with rtsp, rtsps or srt, for example: yard rtsp://user:password@camera.example/1 Yard camera"`
	Allow      []netip.Prefix `koanf:"allow" doc:"Networks (CIDR) that are not public and where sources may be called all the same."`

	Max  int    `koanf:"max" min:"1" doc:"Streams at a time."`
	H265 string `koanf:"h265" enum:"convert forward" doc:"What becomes of H.265, which few browsers can show: convert makes it H.264 (needs ffmpeg and a processor core), forward leaves it."`
}

// Outputs configures what goes out over HTTP.
type Outputs struct {
	Max  int           `koanf:"max" min:"1" doc:"Rooms and members that are shown at a time."`
	Idle time.Duration `koanf:"idle" min:"5s" doc:"How long an output goes on after the last request."`
}

// Log configures the log.
type Log struct {
	Level  string `koanf:"level" enum:"debug info warn error" doc:"The least important messages that are written."`
	Format string `koanf:"format" enum:"text json" doc:"text for people, json for machines."`
}

// Default is the configuration of a server that was told nothing.
func Default() Config {
	return Config{
		HTTP:  HTTP{Listen: "localhost:8080"},
		Media: Media{UDP: ":7788", TCP: ":7788", GSO: true, Speakers: 5},
		TURN: TURN{
			Mode: "strict", Realm: "veche", TTL: 5 * time.Minute,
			Quotas: Quotas{Member: 16, IP: 256, Total: 4096, Permissions: 64},
		},
		Rooms: Rooms{
			MaxMembers: 500, MaxRooms: 10_000,
			RingTimeout: 45 * time.Second, Grace: 30 * time.Second, ReloadGrace: 5 * time.Second,
		},
		Limits: Limits{
			MessagesPerSecond: 50, Burst: 200, Frame: 64 << 10, SDP: 512 << 10,
			Connections: 10_000, CPU: 95, PendingPerIP: 32,
		},
		WHIP:    WHIP{Encoders: "replace", Wait: true, Embed: true},
		Streams: Streams{Max: 100, H265: "convert"},
		Outputs: Outputs{Max: 32, Idle: 30 * time.Second},
		Log:     Log{Level: "info", Format: "text"}, Frontends: defaultFrontends(),
	}
}
