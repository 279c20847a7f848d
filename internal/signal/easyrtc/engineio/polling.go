package engineio

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"veche.example/internal/wsconn"
)

// handshake begins a session.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request) {
	x, err := s.newSession(r)
	if err != nil {
		status := http.StatusServiceUnavailable
		if errors.Is(err, errMany) {
			status = http.StatusTooManyRequests
		}
		w.Header().Set("Retry-After", "5")
		http.Error(w, err.Error(), status)
		return
	}
	answer(w, s.hello(x, "websocket"))
}

// servePolling answers a request of a session.
func (s *Server) servePolling(w http.ResponseWriter, r *http.Request, sid string) {
	x := s.find(sid)
	switch {
	case x == nil:
		fail(w, http.StatusBadRequest, sessionUnknown)
	case r.Method == http.MethodGet:
		x.fetch(w, r)
	case r.Method == http.MethodPost:
		x.post(w, r)
	default:
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		fail(w, http.StatusMethodNotAllowed, badRequest)
	}
}

// fetch answers a poll with what there is, or waits for it. A poll that comes while another waits goes before it: the
// older one has most likely been lost with the network.
func (x *Session) fetch(w http.ResponseWriter, r *http.Request) {
	var mine *waiter
	for {
		x.mu.Lock()
		switch {
		case mine != nil && x.poll != nil: // another one has come
			x.mu.Unlock()
			fail(w, http.StatusBadRequest, badRequest)
			return
		case len(x.queue) > 0:
			out, over := x.flush()
			x.mu.Unlock()
			answer(w, out)
			if over {
				x.s.forget(x)
				x.s.wake()
			}
			return
		case x.reason != "", x.ws != nil && mine == nil:
			x.mu.Unlock()
			fail(w, http.StatusBadRequest, sessionUnknown)
			return
		case x.probing != nil, x.ws != nil:
			x.mu.Unlock()
			answer(w, []byte{noop})
			return
		}
		x.serve()
		mine = &waiter{done: make(chan struct{})}
		x.poll = mine
		x.mu.Unlock()
		select {
		case <-mine.done:
		case <-r.Context().Done():
			x.mu.Lock()
			if x.poll == mine {
				x.poll = nil
			}
			x.mu.Unlock()
			return
		}
	}
}

// flush is what a poll gets, and whether it is the last one; mu is held. What ends the session goes by itself: clients
// of Socket.IO act upon it before what has come together with it, and would drop that.
func (x *Session) flush() (out []byte, over bool) {
	now, later := x.queue, [][]byte(nil)
	if n := len(now) - 1; x.reason != "" && n > 0 {
		now, later = now[:n], now[n:]
	}
	x.queue, x.bytes = later, 0
	return joinPayload(now), x.reason != "" && later == nil
}

// post takes the packets of a client.
func (x *Session) post(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	refused := x.reason != "" || x.ws != nil
	x.mu.Unlock()
	if refused {
		fail(w, http.StatusBadRequest, badRequest)
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(patience)) // where there is none the server's own limit holds
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(x.s.frame)))
	_ = control.SetReadDeadline(time.Time{})
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		http.Error(w, "the payload is too big", http.StatusRequestEntityTooLarge)
		x.shut(wsconn.TooBig)
		return
	case err != nil:
		fail(w, http.StatusBadRequest, badRequest)
		return
	}
	packets, err := parsePayload(body)
	if err != nil {
		x.s.config.Front.Logger().Debug("engineio: bad payload", "err", err, "ip", x.ip)
		fail(w, http.StatusBadRequest, badRequest)
		x.shut(wsconn.Protocol)
		return
	}
	x.take(packets, true)
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.Copy(w, bytes.NewReader([]byte("ok"))) // the client went away: nobody is left to tell
}

// answer writes a payload, to a client that reads.
func answer(w http.ResponseWriter, payload []byte) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(patience)) // where there is none the server's own limit holds
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(payload) // the client went away: it is found out by its silence
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
}
