package room

import (
	"slices"
	"strings"
)

// Prefixes of link names.
const (
	linkRoom = "m:" // + epoch: the P2P path of a meeting
	linkCall = "c:" // + call id
	linkFile = "f:" // + file id
)

// Signal relays an opaque payload to another member of the room; the room stamps the sender. What
// the link is about must exist and concern both: a meeting whose media is (or was, until it has
// settled) P2P, their active call, or a file that one has offered to the other.
type Signal struct {
	To   MemberID
	Link string
	Data []byte // its size is the adapter's limit
}

// Message implements Command: file links have a row of their own.
func (c Signal) Message() Message {
	if strings.HasPrefix(c.Link, linkFile) {
		return MsgSignalFile
	}
	return MsgSignalMedia
}

func (c Signal) apply(t *tx) error {
	from, to := t.actor, t.members[c.To]
	switch {
	case len(c.Link) > MaxLink:
		return fail(CodeBadMessage, "link: too long")
	case to == nil:
		return fail(CodeNoMember, "nobody with this id is here")
	case to == from:
		return fail(CodeBadMessage, "to: you cannot signal yourself")
	}
	if err := t.checkLink(c.Link, to); err != nil {
		return err
	}
	t.send(to.ID, Signalled{from.ID, c.Link, slices.Clone(c.Data)})
	return nil
}

func (t *tx) checkLink(link string, to *member) error {
	if id, ok := strings.CutPrefix(link, linkFile); ok {
		if !t.actor.offers(id, to.ID) && !to.offers(id, t.actor.ID) {
			return fail(CodeNotAllowed, "link: no such file between you two")
		}
		return nil
	}
	if id, ok := strings.CutPrefix(link, linkCall); ok {
		// One pointer is shared by both sides, so equality also says that the call is theirs.
		c := t.actor.call
		if c == nil || c != to.call || c.ID != id || c.State != CallActive {
			return fail(CodeNoCall, "link: no active call between you two")
		}
		return nil
	}
	if !strings.HasPrefix(link, linkRoom) {
		return fail(CodeBadMessage, "link: unknown prefix")
	}
	if t.opt.Kind != Meeting || t.mode != P2P && !t.settling {
		return fail(CodeNotAllowed, "link: the room's media goes through the server")
	}
	return nil
}
