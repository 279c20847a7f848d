//go:build !linux

package udp

func withoutBatches(*Port) {} // there are none

var fullErrors []error
