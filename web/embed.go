// Package web holds the built web app, so that the server needs neither files nor Node.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the built app: index.html, assets whose names carry a hash of their content, the SDK as
// sdk/veche-client.js and the examples. It is read-only and safe for concurrent use.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is a valid path, known when this is compiled
	}
	return sub
}
