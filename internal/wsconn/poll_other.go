//go:build !linux

package wsconn

import "log/slog"

// poller is Linux's alone: elsewhere each connection has a goroutine.
type poller struct{}

type watch struct{}

func newPoller(*slog.Logger) *poller { return nil }

func (*poller) run() {}

func (*poller) close() {}

func (*poller) watch(*Conn) *watch { return nil }

func (*watch) forget(*Conn) {}

func (c *Conn) park() bool { return false }

func (c *Conn) wake() {}

func (*watch) write([]byte) int { return 0 }
