package proto

import "veche.example/internal/room"

// Codes of veche-v1 §6 besides those of package room; all travel as *room.Error.
const (
	CodeBadJSON     room.Code = "bad-json"
	CodeUnknownType room.Code = "unknown-type"
	CodeTooBig      room.Code = "too-big"
	CodeRate        room.Code = "rate"
	CodeVersion     room.Code = "version"
	CodeSDP         room.Code = "sdp"
)

// Codes that only a bye carries.
const (
	CodeReplaced     room.Code = "replaced"
	CodeHelloTimeout room.Code = "hello-timeout"
	CodeIdle         room.Code = "idle"
)

// WebSocket close codes (RFC 6455 §7.4.1; 4000 and up are ours).
const (
	CloseNormal   = 1000
	CloseAway     = 1001
	ClosePolicy   = 1008
	CloseTooBig   = 1009
	CloseComeBack = 4000
)

// byes maps the codes that end a session or socket to the WebSocket close code after them.
var byes = map[room.Code]int{
	room.CodeLeft:       CloseNormal,
	room.CodeShutdown:   CloseAway,
	CodeTooBig:          CloseTooBig,
	room.CodeSlow:       CloseComeBack,
	CodeIdle:            CloseComeBack,
	room.CodeOverloaded: CloseComeBack,
	room.CodeInternal:   CloseComeBack,
	CodeReplaced:        ClosePolicy,
	room.CodeRemoved:    ClosePolicy,
	room.CodeEnded:      ClosePolicy,
	CodeHelloTimeout:    ClosePolicy,
	CodeRate:            ClosePolicy,
	CodeVersion:         ClosePolicy,
	room.CodeToken:      ClosePolicy,
	room.CodeLocked:     ClosePolicy,
	room.CodeFull:       ClosePolicy,
	room.CodeNotAllowed: ClosePolicy,
}

// CloseCode returns the WebSocket close code that goes with a bye.
func CloseCode(c room.Code) int {
	if n, ok := byes[c]; ok {
		return n
	}
	return ClosePolicy
}

func fail(c room.Code, text string) *room.Error { return &room.Error{Code: c, Text: text} }
