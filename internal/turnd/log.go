package turnd

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// quietLog is Pion's logger: what clients can provoke must not fill the log, so all of it is debug output, and what is
// said per packet is nothing.
type quietLog struct{ log *slog.Logger }

func (q quietLog) NewLogger(string) logging.LeveledLogger { return q }

func (q quietLog) Trace(string)          {}
func (q quietLog) Tracef(string, ...any) {}
func (q quietLog) Debug(string)          {}
func (q quietLog) Debugf(string, ...any) {}
func (q quietLog) Info(string)           {}
func (q quietLog) Infof(string, ...any)  {}

func (q quietLog) Warn(m string)                  { q.log.Debug("TURN", "message", m) }
func (q quietLog) Warnf(format string, a ...any)  { q.format(format, a) }
func (q quietLog) Error(m string)                 { q.log.Debug("TURN", "message", m) }
func (q quietLog) Errorf(format string, a ...any) { q.format(format, a) }

func (q quietLog) format(format string, a []any) {
	if q.log.Enabled(context.Background(), slog.LevelDebug) {
		q.log.Debug("TURN", "message", fmt.Sprintf(format, a...))
	}
}
