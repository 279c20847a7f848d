package peerjs

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"veche.example/internal/front"
)

// about is what the root says, as the project's own server does: clients of old look for it.
var about = map[string]string{
	"name": "PeerJS Server", "description": "A server side element to broker connections between PeerJS clients.",
	"website": "https://peerjs.com/",
}

// rest answers everything that is no WebSocket.
func (a *Adapter) rest(w http.ResponseWriter, r *http.Request) {
	if !a.config.CORS(w, r, "GET, HEAD") {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	key, what := split(r.URL.Path)
	if what == "" {
		reply(w, about)
		return
	}
	if key == "" {
		key = a.opt.Keys[0] // a client with the default path and key
	}
	realm := a.realms[key]
	switch {
	case what != "id" && what != "peers" && what != "ice":
		http.NotFound(w, r)
	case realm == nil:
		http.Error(w, msgInvalidKey, http.StatusUnauthorized)
	case what == "id":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(newID())) // the client went away: nobody is left to tell
	case what == "peers" && !a.opt.Discovery:
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
	default:
		a.private(w, r, realm, what)
	}
}

// private answers what only those may know who may connect.
func (a *Adapter) private(w http.ResponseWriter, r *http.Request, realm *realm, what string) {
	q := r.URL.Query()
	id := q.Get("id")
	grant, err := a.config.Allow(q.Get("token"), realm.key)
	switch {
	case err != nil:
		http.Error(w, msgInvalidToken, http.StatusUnauthorized)
	case what == "peers":
		reply(w, realm.ids())
	case !validID(id) || grant.Identity != "" && grant.Identity != id:
		http.Error(w, "id: the peer that the servers are for", http.StatusBadRequest)
	case a.config.ICE == nil:
		http.NotFound(w, r)
	default:
		reply(w, map[string][]front.ICEServer{"iceServers": a.config.ICE(r, "peerjs:"+realm.key+":"+id)})
	}
}

// split is the last two parts of a path: /any/path/KEY/id.
func split(path string) (key, what string) {
	path = strings.Trim(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	key, what = path[:i], path[i+1:]
	return key[strings.LastIndexByte(key, '/')+1:], what
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client went away: nobody is left to tell
}

// newID is a random UUID (RFC 9562 §5.4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
