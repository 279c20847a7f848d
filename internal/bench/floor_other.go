//go:build !linux

package bench

import (
	"context"
	"errors"
)

// SendFloor needs Linux.
func SendFloor(context.Context, []uint16, bool, int) error {
	return errors.New("bench: the floor is measured on Linux only")
}
