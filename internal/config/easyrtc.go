package config

import (
	"strings"
	"time"
)

// EasyRTC configures the front-end for Open-EasyRTC.
type EasyRTC struct {
	Frontend
	Applications []string      `koanf:"applications" doc:"Names of the applications there are; empty means any. Applications know nothing of each other. With access token the room of the token is APPLICATION, or APPLICATION/ROOM for one room only."`
	Rooms        []string      `koanf:"rooms" doc:"Names of the rooms there are in each application; empty means any."`
	DefaultRoom  string        `koanf:"defaultRoom" doc:"Room of a client that names none; empty means that it is in none."`
	RoomSize     int           `koanf:"roomSize" min:"1" max:"1000" doc:"Clients in a room."`
	Ping         time.Duration `koanf:"ping" min:"100ms" doc:"Time between two heartbeats (pingInterval of Socket.IO)."`
	Timeout      time.Duration `koanf:"timeout" min:"100ms" doc:"How long a heartbeat may be unanswered (pingTimeout of Socket.IO)."`
}

func defaultEasyRTC() EasyRTC {
	return EasyRTC{Frontend: defaultFrontend(), DefaultRoom: "default", RoomSize: 100, Ping: 15 * time.Second, Timeout: 15 * time.Second}
}

// check wants names that clients can say.
func (e *EasyRTC) check(fail func(key string, value any, cause string)) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
	word := func(key, n string) {
		if n == "" || len(n) > 32 || strings.IndexFunc(n, func(r rune) bool { return !strings.ContainsRune(letters, r) }) >= 0 {
			fail(key, n, "must be 1 to 32 letters, digits, _ . or -")
		}
	}
	for _, n := range e.Applications {
		word("frontends.easyrtc.applications", n)
	}
	for _, n := range e.Rooms {
		word("frontends.easyrtc.rooms", n)
	}
	if e.DefaultRoom != "" {
		word("frontends.easyrtc.defaultRoom", e.DefaultRoom)
	}
}
