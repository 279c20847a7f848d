package room

// Code is an error or bye code of the native protocol (veche-v1 §6). Adapters for other
// protocols translate it in one place.
type Code string

// Codes of errors returned by Apply.
const (
	CodeBadMessage Code = "bad-message"
	CodeNotAllowed Code = "not-allowed"
	CodeToken      Code = "token"
	CodeLocked     Code = "locked"
	CodeFull       Code = "full"
	CodeEnded      Code = "ended"
	CodeNoMember   Code = "no-member"
	CodeNoCall     Code = "no-call"
	CodeBusy       Code = "busy"
	CodeOverloaded Code = "overloaded"
	CodeInternal   Code = "internal"
)

// Codes that only a Removed event carries, besides CodeEnded, CodeInternal.
const (
	CodeLeft     Code = "left"     // the member left by itself
	CodeGone     Code = "gone"     // its grace ran out; there is no socket left to tell
	CodeRemoved  Code = "removed"  // by a moderator
	CodeSlow     Code = "slow"     // it did not read its events
	CodeShutdown Code = "shutdown" // the server stops
)

// Error is what Apply returns: Code for the peer's program, Text for its developer (English,
// without secrets). Two errors are the same error to errors.Is only if they are the same value.
type Error struct {
	Code Code
	Text string
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Text }

// Errors that callers tell apart by errors.Is.
var (
	// ErrPresent answers a Join whose id is a member already: Attach instead.
	ErrPresent = &Error{CodeNotAllowed, "this member is here already"}
	// ErrEnded answers every command to a room that is closed.
	ErrEnded = &Error{CodeEnded, "the room has ended"}
)

func fail(c Code, text string) error { return &Error{c, text} }
