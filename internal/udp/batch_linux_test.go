package udp

import (
	"testing"

	"golang.org/x/sys/unix"
)

// withoutBatches makes a port as it is where sendmmsg and recvmmsg are missing.
func withoutBatches(p *Port) {
	s := p.sock.(*rawSocket)
	s.noBatch.Store(true)
	s.recvPlain.Store(true)
}

var fullErrors = []error{unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM}

// TestRefused: an error of a run ends runs for that target only, if they have worked before, and for all if the device cannot.
func TestRefused(t *testing.T) {
	p := listen(t, "127.0.0.1:0")
	b := p.Mux().NewBatch()
	for _, c := range []struct {
		errno       unix.Errno
		works       bool
		count       int32
		target, all bool
	}{
		{unix.EINVAL, true, 2, true, false},
		{unix.EMSGSIZE, true, 2, true, false},
		{unix.EINVAL, false, 2, true, true},
		{unix.EIO, true, 2, true, true},
		{unix.EPERM, false, 2, true, false},
		{unix.EINVAL, false, 1, false, false},
	} {
		s, to := new(rawSocket), new(Target)
		s.gsoWorks.Store(c.works)
		s.refused(b, &bundle{to: to, count: c.count}, c.errno)
		if to.noGSO.Load() != c.target || s.noGSO.Load() != c.all {
			t.Errorf("%v works %t: target %t, all %t", c.errno, c.works, to.noGSO.Load(), s.noGSO.Load())
		}
	}
}
