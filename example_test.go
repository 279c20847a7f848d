package veche_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"veche.example"
)

// A program that has a web server of its own embeds Veche as a handler. Media, STUN and TURN have their own port (media.udp).
func ExampleNew() {
	config := veche.DefaultConfig()
	config.Auth.OpenRooms = true
	config.Media.UDP, config.Media.TCP = "127.0.0.1:0", ""
	config.HTTP.Prefix = "/meet"
	server, err := veche.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/meet/", server)
	web := httptest.NewServer(mux)
	response, err := http.Get(web.URL + "/meet/app.json")
	if err == nil {
		fmt.Println(response.Status)
		err = response.Body.Close()
	}
	web.Close()
	fmt.Println(err, server.Close(context.Background()))
	// Output:
	// 200 OK
	// <nil> <nil>
}
