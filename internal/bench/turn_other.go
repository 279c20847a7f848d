//go:build !linux

package bench

import (
	"context"
	"errors"
	"time"
)

// turnLoad needs Linux.
type turnLoad struct{ sent, got uint64 }

func newTURNLoad([]*turnLeg, turnWay, int) (*turnLoad, error) {
	return nil, errors.New("bench: this measurement needs Linux")
}

func (*turnLoad) run(context.Context, int, time.Duration, time.Duration) error { return nil }
