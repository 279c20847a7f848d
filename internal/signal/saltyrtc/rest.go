package saltyrtc

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"veche.example/internal/front"
)

// rest answers requests that are no WebSockets: GET /saltyrtc/keys, and GET /saltyrtc/ice?path=&token=.
func (a *Adapter) rest(w http.ResponseWriter, r *http.Request) {
	if !a.config.CORS(w, r, "GET") {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, place) {
	case "/keys":
		a.showKeys(w)
	case "/ice":
		a.showICE(w, r)
	default:
		http.NotFound(w, r)
	}
}

// showKeys lists the permanent public keys, the primary first.
func (a *Adapter) showKeys(w http.ResponseWriter) {
	answer := struct {
		Subprotocol string   `json:"subprotocol"`
		Keys        []string `json:"keys"`
	}{Subprotocol: subprotocol}
	for _, p := range a.keys {
		answer.Keys = append(answer.Keys, hex.EncodeToString(p.public[:]))
	}
	writeJSON(w, answer)
}

func (a *Adapter) showICE(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	path := q.Get("path")
	if _, ok := parsePath(path); !ok {
		http.Error(w, "path: 64 lower-case hex digits", http.StatusBadRequest)
		return
	}
	if _, err := a.config.Allow(q.Get("token"), path); err != nil {
		http.Error(w, "the token is not valid for this path", http.StatusUnauthorized)
		return
	}
	servers := []front.ICEServer{}
	if a.config.ICE != nil {
		servers = append(servers, a.config.ICE(r, "saltyrtc:"+path)...)
	}
	writeJSON(w, struct {
		ICEServers []front.ICEServer `json:"iceServers"`
	}{servers})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}
