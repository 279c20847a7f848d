package reception

import "testing"

// TestReception: jitter and loss as RFC 3550 counts them.
func TestReception(t *testing.T) {
	var r Stream
	now := int64(1e9)
	for i := range 100 {
		r.Note(uint16(i), uint32(i*3000), now, 90000)
		now += int64(1e9) / 30
	}
	if b := r.Report(1, now); b.TotalLost != 0 || b.FractionLost != 0 || b.Jitter > 2 {
		t.Errorf("%+v", b)
	}
	for i := 100; i < 200; i += 2 {
		r.Note(uint16(i), uint32(i*3000), now+int64(i%4)*5e6, 90000)
		now += int64(2e9) / 30
	}
	if b := r.Report(1, now); b.TotalLost != 49 || b.FractionLost != 126 || b.Jitter < 100 {
		t.Errorf("%+v", b)
	}
	for range 10 { // more than expected: duplicates
		r.Note(198, 1, now, 90000)
	}
	if b := r.Report(1, now); b.TotalLost != 39 || b.FractionLost != 0 {
		t.Errorf("%+v", b)
	}
}
