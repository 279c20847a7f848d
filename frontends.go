package veche

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"veche.example/internal/config"
	"veche.example/internal/front"
	"veche.example/internal/metrics"
	"veche.example/internal/signal/article"
	"veche.example/internal/signal/easyrtc"
	"veche.example/internal/signal/peerjs"
	"veche.example/internal/signal/saltyrtc"
	"veche.example/internal/signal/sip"
	"veche.example/internal/signal/sip/digest"
)

// frontendModules are the protocols of other systems that the server can speak: the name in the configuration, the
// place on the shared port, and how to make one.
var frontendModules = []frontendModule{
	{"article", front.Upgrade("/"), func(c front.Config, _ *config.Frontends) frontend { return article.New(c) }},
	{"easyrtc", front.At("/socket.io"), func(c front.Config, f *config.Frontends) frontend {
		o := &f.EasyRTC
		return easyrtc.New(c, easyrtc.Options{
			Applications: o.Applications, Rooms: o.Rooms, DefaultRoom: o.DefaultRoom, RoomSize: o.RoomSize, Ping: o.Ping, Timeout: o.Timeout,
		})
	}},
	{"peerjs", front.Below("/peerjs"), func(c front.Config, f *config.Frontends) frontend {
		o := &f.PeerJS
		return peerjs.New(c, peerjs.Options{Keys: o.Keys, Discovery: o.Discovery, Expire: o.Expire, Idle: o.Idle})
	}},
	{"saltyrtc", saltyrtc.Mount, func(c front.Config, f *config.Frontends) frontend {
		keys, err := f.SaltyRTC.PrivateKeys()
		if err != nil { // has been read before: somebody takes the file away just now
			c.Log.Error("saltyrtc: permanent keys", "err", err)
		}
		return saltyrtc.New(c, saltyrtc.Options{Keys: keys})
	}},
	{"sip", front.Upgrade("/sip", "sip"), func(c front.Config, f *config.Frontends) frontend {
		o := &f.SIP
		users := make(map[string]digest.Secret)
		known, _ := o.SIPUsers() // checked with the rest of the configuration
		for _, u := range known {
			users[u.Name] = digest.Secret{Password: u.Password, HA1: u.HA1, HA1SHA256: u.HA1SHA256}
		}
		return sip.New(c, sip.Options{
			Domains: o.Domains, Realm: o.Realm, Users: users, MinExpires: o.MinExpires, MaxExpires: o.MaxExpires, NonceLife: o.Nonce,
		})
	}},
}

type frontendModule struct {
	name  string
	mount front.Mount
	make  func(front.Config, *config.Frontends) frontend
}

// frontend is what every one of them is.
type frontend interface {
	http.Handler
	Stats() front.Stats
	Close(ctx context.Context) error
}

// running is a front-end that is served.
type running struct {
	frontend
	name   string
	mount  front.Mount
	listen string
}

// openFrontends makes the front-ends that are configured.
func (s *Server) openFrontends() {
	modules := make(map[string]frontendModule)
	for _, m := range frontendModules {
		modules[m.name] = m
	}
	s.cfg.Frontends.Each(func(name string, common *config.Frontend) {
		if m, ok := modules[name]; ok && common.Enabled {
			s.fronts = append(s.fronts, running{m.make(s.frontConfig(common), &s.cfg.Frontends), name, m.mount, common.Listen})
		}
	})
}

// frontConfig gives a front-end what it needs of the other parts.
func (s *Server) frontConfig(common *config.Frontend) front.Config {
	l := &s.cfg.Limits
	c := front.Config{
		Log: s.log, Origins: append(append([]string(nil), s.cfg.HTTP.Origins...), common.Origins...), ClientIP: s.clientIP,
		Host: func(r *http.Request) string { return s.trust.Of(r).Host },
		ICE:  s.frontICE, Derive: s.keys.Derive,
		Limits: front.Limits{
			Connections: common.Connections, PerIP: common.PerIP, Pending: l.PendingPerIP,
			Rate: float64(l.MessagesPerSecond), Burst: l.Burst, Frame: int(l.SDP),
		},
	}
	if common.Access == "token" || common.Access == "auto" && !s.cfg.Auth.OpenRooms {
		c.Authorize = s.authorize
	}
	return c
}

// authorize implements front.Config.Authorize: the space is the room of the token.
func (s *Server) authorize(token, space string) (front.Grant, error) {
	g, err := s.keys.Verify(token, space, time.Now())
	if err != nil {
		return front.Grant{}, fmt.Errorf("%w: %w", front.ErrDenied, err)
	}
	return front.Grant{Identity: g.Identity, Name: g.Name, Role: g.Role}, nil
}

// frontICE implements front.Config.ICE.
func (s *Server) frontICE(r *http.Request, client string) []front.ICEServer {
	var out []front.ICEServer
	for _, i := range s.net.iceServers(client, s.reach(r)) {
		out = append(out, front.ICEServer(i))
	}
	return out
}

// withFrontends gives each front-end the requests of its place, and next the rest.
func (s *Server) withFrontends(next http.Handler) http.Handler {
	if len(s.fronts) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range s.fronts {
			if seen, ok := s.fronts[i].mount(r); ok {
				s.fronts[i].ServeHTTP(w, seen)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// FrontendPort is a port that a front-end has of its own.
type FrontendPort struct {
	Name    string
	Listen  string // HOST:PORT
	Handler http.Handler
}

// FrontendPorts lists the ports that the configuration asks for. The caller listens, as it does for the Server itself.
func (s *Server) FrontendPorts() []FrontendPort {
	var out []FrontendPort
	for _, f := range s.fronts {
		if f.listen != "" {
			out = append(out, FrontendPort{f.name, f.listen, f.frontend})
		}
	}
	return out
}

// closeFrontends tells their clients and waits.
func (s *Server) closeFrontends(ctx context.Context) []error {
	errs := make([]error, len(s.fronts))
	for i, f := range s.fronts {
		errs[i] = f.Close(ctx)
	}
	return errs
}

// frontFigures adds what the front-ends have counted.
func (s *Server) frontFigures(out *metrics.Snapshot) {
	for _, f := range s.fronts {
		st := f.Stats()
		m := metrics.Frontend{
			Name: f.name, Clients: int64(st.Clients), Relayed: uint64(st.Relayed),
			Signalling: metrics.Signalling{
				Sockets: int64(st.Socket.Open), Pending: int64(st.Socket.Pending),
				In: uint64(st.Socket.Messages), Out: uint64(st.Socket.Sent), Ended: make(map[string]uint64),
			},
		}
		for reason, n := range st.Socket.Ended {
			m.Signalling.Ended[string(reason)] = uint64(n)
		}
		out.Frontends = append(out.Frontends, m)
		for reason, n := range st.Dropped {
			out.Drops = append(out.Drops, metrics.Drop{Part: f.name, Reason: reason, Count: uint64(n)})
		}
		out.Drops = append(out.Drops, metrics.Drop{Part: f.name, Reason: "rate", Count: uint64(st.Socket.Limited)})
	}
}
