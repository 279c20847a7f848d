package whip

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"veche.example/internal/session"
)

// Limits of PATCH for one session.
const (
	patchRate         = 20  // per second
	patchBurst        = 100 // at once
	sessionCandidates = 256 // of one ICE session
)

// patch takes trickled candidates (RFC 9725 §4.3.1) or restarts ICE (§4.3.2).
func (s *resource) patch(w http.ResponseWriter, r *http.Request) error {
	text, err := s.a.body(w, r, fragmentType, maxFragment)
	if err != nil {
		return err
	}
	match := strings.Join(r.Header.Values("If-Match"), ",")
	if strings.TrimSpace(match) == "" {
		return errNoMatch
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.a.config.Timeout)
	defer cancel()
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.pass()
	all, ok := matches(match, s.etag)
	switch {
	case !s.listed():
		return errGone
	case !s.patches.take(time.Now(), patchRate, patchBurst):
		return errRate
	case !ok:
		return errMatch
	}
	f, err := parseFragment(text)
	if err != nil {
		return err
	}
	if f.ufrag == "" || f.ufrag == s.ufrag && f.pwd == s.pwd {
		if err := s.trickle(ctx, f); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if !all {
		return unusable("other ICE credentials are a restart, which needs If-Match: *")
	}
	return s.restart(ctx, w, f)
}

// matches says whether an If-Match names the tag, or any ("*"). Weak tags never match (RFC 9110 §13.1.1).
func matches(header, etag string) (all, ok bool) {
	for _, one := range strings.Split(header, ",") {
		switch strings.TrimSpace(one) {
		case "*":
			all = true
		case etag:
			ok = true
		}
	}
	return all, all || ok
}

// trickle gives candidates to the media connection; the caller has the turn.
func (s *resource) trickle(ctx context.Context, f fragment) error {
	if s.candidates += len(f.candidates); s.candidates > sessionCandidates {
		return bad("more than %d candidates", sessionCandidates)
	}
	for _, c := range f.candidates {
		err := s.p.Media().Candidate(ctx, session.Candidate{PC: generation, Line: c.line, MID: c.mid, Index: -1, Fragment: s.ufrag})
		if err != nil {
			return err
		}
	}
	return nil
}

// restart begins another ICE session; if it fails the old one goes on. The caller has the turn.
func (s *resource) restart(ctx context.Context, w http.ResponseWriter, f fragment) error {
	o := s.offer
	o.SDP = restarted(o.SDP, f.ufrag, f.pwd)
	answer, err := s.p.Media().Offer(ctx, o)
	if err != nil {
		return err
	}
	s.offer, s.ufrag, s.pwd, s.etag, s.candidates = o, f.ufrag, f.pwd, newETag(), 0
	if err := s.trickle(ctx, f); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", fragmentType)
	h.Set("ETag", s.etag)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, fragmentOf(answer)) // a client that is gone will try again
	return nil
}

// remove ends a session and answers when it has left the room.
func (s *resource) remove(w http.ResponseWriter, r *http.Request) error {
	s.a.end(s, "deleted")
	ctx, cancel := context.WithTimeout(r.Context(), s.a.config.Timeout)
	defer cancel()
	select {
	case <-s.gone:
	case <-ctx.Done(): // it leaves all the same
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
