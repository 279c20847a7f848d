package room

import (
	"slices"
	"time"
	"unicode/utf8"
)

// ChatMessage is one line of the chat.
type ChatMessage struct {
	ID   string
	From MemberID
	Name string   // the sender's, at that time
	To   MemberID // "" = everybody
	Text string
	File *File // an offer, nil for plain text
	At   time.Time
}

// File is the offer of a file; its bytes flow between the members over a link "f:" + ID.
type File struct {
	ID   string // issued by the room unless the sender chose one that nobody uses
	Name string // data: at most 255 bytes
	Size int64  // bytes
	MIME string // data: at most 127 bytes
}

func (m *ChatMessage) visibleTo(id MemberID) bool {
	return m.To == "" || m.To == id || m.From == id
}

func (m *ChatMessage) clone() ChatMessage {
	c := *m
	if m.File != nil {
		f := *m.File
		c.File = &f
	}
	return c
}

// Chat posts to everybody, or to one member; the reply is the message as posted.
type Chat struct {
	Text string
	To   MemberID // "" = everybody
	File *File    // optional
}

// Message implements Command.
func (Chat) Message() Message { return MsgChat }

func (c Chat) apply(t *tx) error {
	switch {
	case !utf8.ValidString(c.Text) || utf8.RuneCountInString(c.Text) > MaxText:
		return fail(CodeBadMessage, "text: not UTF-8 or over 4000 code points")
	case c.Text == "" && c.File == nil:
		return fail(CodeBadMessage, "text: missing")
	case c.To == t.actor.ID:
		return fail(CodeBadMessage, "to: you cannot write to yourself")
	case c.To != "" && t.members[c.To] == nil:
		return fail(CodeNoMember, "nobody with this id is here")
	}
	msg := ChatMessage{From: t.actor.ID, Name: t.actor.Name, To: c.To, Text: c.Text, At: t.now}
	if c.File != nil {
		if err := t.checkFile(c.File); err != nil {
			return err
		}
		f := *c.File
		if f.ID == "" {
			f.ID = t.newID()
		}
		msg.File = &f
		t.offer(f.ID, c.To)
	}
	msg.ID = t.newID()
	if len(t.history) >= MaxHistory {
		t.history = slices.Delete(t.history, 0, len(t.history)-MaxHistory+1)
	}
	t.history = append(t.history, msg)
	posted := msg.clone()
	t.effects.Reply.Chat = &posted
	event := ChatPosted{msg.clone()}
	if c.To != "" {
		t.send(c.To, event)
	} else {
		t.tell(t.actor.ID, event)
	}
	return nil
}

func (t *tx) checkFile(f *File) error {
	switch {
	case len(f.ID) > MaxLink-len(linkFile):
		return fail(CodeBadMessage, "file: id too long")
	case f.Name == "" || len(f.Name) > 255 || !utf8.ValidString(f.Name):
		return fail(CodeBadMessage, "file: name missing, too long or not UTF-8")
	case len(f.MIME) > 127 || !utf8.ValidString(f.MIME):
		return fail(CodeBadMessage, "file: mime too long or not UTF-8")
	case f.Size < 0:
		return fail(CodeBadMessage, "file: negative size")
	}
	for _, m := range t.order {
		for _, o := range m.files {
			if f.ID != "" && o.id == f.ID {
				return fail(CodeBadMessage, "file: this id is in use")
			}
		}
	}
	return nil
}

// offer remembers who may fetch a file of the actor.
func (t *tx) offer(id string, to MemberID) {
	m := t.actor
	if len(m.files) >= MaxFiles {
		m.files = slices.Delete(m.files, 0, 1)
	}
	m.files = append(m.files, file{id, to})
}

// offers says whether m has offered the file id to the member named to.
func (m *member) offers(id string, to MemberID) bool {
	return slices.ContainsFunc(m.files, func(f file) bool {
		return f.id == id && (f.to == "" || f.to == to)
	})
}
