package native

import (
	"context"
	"errors"

	"veche.example/internal/room"
	"veche.example/internal/session"
	"veche.example/internal/signal/native/proto"
	"veche.example/internal/wsconn"
)

// socket is one WebSocket: it decodes, asks who may, and answers. It implements wsconn.Handler.
type socket struct {
	a     *Adapter
	c     *wsconn.Conn
	reach session.Reach
	sess  *guest // nil before the welcome; the reader's
}

// Message implements wsconn.Handler.
func (k *socket) Message(data []byte, binary bool) {
	if binary {
		k.fail(&room.Error{Code: proto.CodeBadJSON, Text: "binary frame"}, 0)
		return
	}
	req, id, err := proto.Decode(data)
	if err == nil && len(data) > k.a.limit(req) {
		err = &room.Error{Code: proto.CodeTooBig, Text: "the frame is over this server's limit"}
	}
	if err != nil {
		k.fail(err, id)
		return
	}
	ctx, cancel := context.WithTimeout(k.c.Context(), k.a.config.Timeout)
	defer cancel()
	if k.sess == nil {
		k.greet(ctx, req, id)
		return
	}
	if !k.sess.may(k, req.Needs()) {
		k.fail(&room.Error{Code: room.CodeNotAllowed, Text: "your role, state or kind of room does not permit " + req.Type()}, id)
		return
	}
	if err := k.act(ctx, req, id); err != nil {
		k.fail(err, id)
	}
}

// Limited implements wsconn.Handler.
func (k *socket) Limited(data []byte, binary bool) {
	id := 0
	if !binary && len(data) <= k.a.config.Frame {
		id = proto.ID(data)
	}
	k.send(proto.Error{Code: string(proto.CodeRate), Message: "too many messages; this one was not acted upon"}, id)
}

// Farewell implements wsconn.Handler.
func (k *socket) Farewell(why wsconn.Reason) wsconn.Farewell {
	code, known := map[wsconn.Reason]room.Code{
		wsconn.Slow:     room.CodeSlow,
		wsconn.Idle:     proto.CodeIdle,
		wsconn.Timeout:  proto.CodeHelloTimeout,
		wsconn.TooBig:   proto.CodeTooBig,
		wsconn.Rate:     proto.CodeRate,
		wsconn.Panic:    room.CodeInternal,
		wsconn.Shutdown: room.CodeShutdown,
	}[why]
	if !known {
		return wsconn.Farewell{} // not a client of this protocol, or of any
	}
	return farewell(code, "")
}

// Closed implements wsconn.Handler. A page that is closed or reloaded says 1001.
func (k *socket) Closed(e wsconn.End) {
	if k.sess != nil {
		k.sess.lost(k, e.Reason == wsconn.Gone && e.Code == proto.CloseAway)
	}
}

// bye closes the socket after telling why; it does not wait.
func (k *socket) bye(code room.Code, text string) { k.c.Close(farewell(code, text)) }

func farewell(code room.Code, text string) wsconn.Farewell {
	if text == "" {
		text = byeTexts[code]
	}
	return wsconn.Farewell{
		Last: proto.Encode(proto.Bye{Code: string(code), Message: text}, 0, 0),
		Code: proto.CloseCode(code), Text: string(code),
	}
}

// byeTexts are for developers.
var byeTexts = map[room.Code]string{
	room.CodeLeft:          "you left",
	room.CodeRemoved:       "a moderator removed you",
	room.CodeEnded:         "the room was ended",
	room.CodeSlow:          "you did not read what was sent",
	room.CodeShutdown:      "the server restarts",
	room.CodeInternal:      "our fault",
	proto.CodeIdle:         "nothing came from you",
	proto.CodeHelloTimeout: "no hello in time",
	proto.CodeTooBig:       "frame over its limit",
	proto.CodeRate:         "too many messages, again and again",
}

// send queues a frame without a number. Its errors need no answer: the connection is closing.
func (k *socket) send(e proto.Event, re int) { _ = k.c.Send(proto.Encode(e, 0, re)) }

// fail tells the client what went wrong with its request and closes where veche-v1 §6 says so.
func (k *socket) fail(err error, id int) {
	e := k.wireError(err)
	if e == nil {
		return
	}
	k.send(proto.Error{Code: string(e.Code), Message: e.Text}, id)
	switch e.Code {
	case proto.CodeTooBig, proto.CodeVersion:
		k.bye(e.Code, e.Text)
	}
}

// wireError is the one place where errors become codes. nil: there is nobody left to tell.
func (k *socket) wireError(err error) *room.Error {
	var e *room.Error
	switch {
	case errors.As(err, &e):
		return e
	case k.c.Context().Err() != nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &room.Error{Code: room.CodeOverloaded, Text: "not done in time"}
	}
	k.c.Log().Error("request failed", "err", err)
	return &room.Error{Code: room.CodeInternal, Text: "our fault; connection " + k.c.ID()}
}
