package sfu

import (
	"sync/atomic"

	"veche.example/internal/media"
)

// levelHold is how long the last level counts when no packet follows (DTX, mute).
const levelHold = int64(500e6)

// meter smooths the audio levels of RFC 6464: it rises within some packets and falls within half a second,
// so that pauses between words do not change who speaks.
type meter struct {
	loud int32        // writer: 127 - level, times 256
	out  atomic.Int32 // smoothed level
	at   atomic.Int64 // arrival of the last one, 0 = none
}

func (m *meter) note(level int8, arrival int64) {
	if level < 0 {
		return
	}
	if last := m.at.Load(); last == 0 || arrival-last > levelHold {
		m.loud = 0
	}
	d := int32(media.Silence-int32(level))*256 - m.loud
	if d > 0 {
		m.loud += d / 2
	} else {
		m.loud += d / 16
	}
	m.out.Store(media.Silence - (m.loud+128)/256)
	m.at.Store(max(arrival, 1))
}

func (m *meter) level(now int64) int {
	if at := m.at.Load(); at == 0 || now-at > levelHold {
		return media.Silence
	}
	return int(m.out.Load())
}
