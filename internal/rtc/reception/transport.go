package reception

import (
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

const (
	transportEvery = int64(50e6)
	transportMost  = 100 // packets in one report
)

// Transport reports the arrival of each packet to the client's bandwidth estimator
// (draft-holmer-rmcat-transport-wide-cc-extensions-01), whose reaction is as fast as the reports are. It is not safe for
// concurrent use.
type Transport struct {
	Ext  uint8 // id of the header extension, 0 = the client numbers nothing
	rec  *twcc.Recorder
	due  int64
	held int
}

// Init makes a zero Transport ready; its reports come from the SSRC given.
func (t *Transport) Init(ssrc uint32) { t.rec = twcc.NewRecorder(ssrc) }

// Note takes a packet that arrived now, in ns; true if a report is due.
func (t *Transport) Note(ssrc uint32, number uint16, now int64) bool {
	t.rec.Record(ssrc, number, now/1000)
	t.held++
	if t.due == 0 {
		t.due = now + transportEvery
	}
	return now >= t.due || t.held >= transportMost
}

// Reports reports what has arrived since the last call.
func (t *Transport) Reports() []rtcp.Packet {
	if t.held == 0 {
		return nil
	}
	t.held, t.due = 0, 0
	return t.rec.BuildFeedbackPacket()
}
