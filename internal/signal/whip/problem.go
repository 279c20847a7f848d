package whip

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// httpError is an error of the protocol itself, which the domain has no code for.
type httpError struct {
	status int
	code   string
	text   string
}

// Error implements error.
func (e *httpError) Error() string { return e.text }

// Errors of the protocol.
var (
	errGone        = &httpError{http.StatusNotFound, "no-session", "no such session, or it has ended"}
	errPath        = &httpError{http.StatusNotFound, "no-session", "the path is whip/{room} or whep/{room}"}
	errNoRoom      = &httpError{http.StatusNotFound, "no-room", "nobody is in this room"}
	errNoPublisher = &httpError{http.StatusConflict, "no-publisher", "nobody publishes in this room now"}
	errBusy        = &httpError{http.StatusConflict, "busy", "an encoder with this token and name publishes already"}
	errStreams     = &httpError{http.StatusTooManyRequests, "rate", "too many event streams of this session"}
	errMethod      = &httpError{http.StatusMethodNotAllowed, "method", "this method has no meaning here"}
	errTooBig      = &httpError{http.StatusRequestEntityTooLarge, "too-big", "the body is over its limit"}
	errMatch       = &httpError{http.StatusPreconditionFailed, "etag", "another ICE session than the current one"}
	errNoMatch     = &httpError{http.StatusPreconditionRequired, "etag", "If-Match is missing"}
	errRate        = &httpError{http.StatusTooManyRequests, "rate", "too many requests"}
	errFull        = &httpError{http.StatusServiceUnavailable, "overloaded", "the server has too many sessions"}
	errClosed      = &httpError{http.StatusServiceUnavailable, "overloaded", "the server stops"}
	errOfferType   = &httpError{http.StatusUnsupportedMediaType, "media-type", "the body must be " + offerType}
	errJSONType    = &httpError{http.StatusUnsupportedMediaType, "media-type", "the body must be " + jsonType}
	errPatchType   = &httpError{http.StatusUnsupportedMediaType, "media-type", "the body must be " + fragmentType}
	errScheme      = &httpError{http.StatusUnauthorized, "token", "Authorization must be Bearer and a token"}
	errInternal    = &httpError{http.StatusInternalServerError, "internal", "our fault"}
)

// statuses are the HTTP status codes of the domain's errors.
var statuses = map[room.Code]int{
	room.CodeBadMessage: http.StatusBadRequest,
	session.CodeSDP:     http.StatusUnprocessableEntity, // RFC 9725 §4.2
	room.CodeToken:      http.StatusUnauthorized,
	room.CodeNotAllowed: http.StatusForbidden,
	room.CodeLocked:     http.StatusConflict,
	room.CodeFull:       http.StatusConflict,
	room.CodeBusy:       http.StatusConflict,
	room.CodeEnded:      http.StatusNotFound,
	room.CodeNoMember:   http.StatusNotFound,
	room.CodeRemoved:    http.StatusForbidden,
	room.CodeOverloaded: http.StatusServiceUnavailable,
	room.CodeShutdown:   http.StatusServiceUnavailable,
}

// statusOf is the one place where errors become HTTP status codes. The text of an error that is not
// meant for the client is kept from it.
func statusOf(err error) *httpError {
	var h *httpError
	var e *room.Error
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &h):
		return h
	case errors.As(err, &tooBig):
		return errTooBig
	case errors.As(err, &e) && statuses[e.Code] != 0:
		return &httpError{statuses[e.Code], string(e.Code), e.Text}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &httpError{http.StatusServiceUnavailable, string(room.CodeOverloaded), "not done in time"}
	}
	return errInternal
}

// problem answers a request that failed (RFC 9457).
func (a *Adapter) problem(w http.ResponseWriter, r *http.Request, err error) {
	e := statusOf(err)
	h := w.Header()
	switch e.status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="veche"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"` // RFC 6750 §3.1
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", "5")
	}
	if e == errNoPublisher || e == errBusy {
		h.Set("Retry-After", "5")
	}
	if e == errInternal {
		a.log.Error("whip: request failed", "err", err)
	}
	body, _ := json.Marshal(struct { // strings and a number cannot fail
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{http.StatusText(e.status), e.status, e.text, e.code})
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // whoever asked may be gone
}
