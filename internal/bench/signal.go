package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	maxAnswer = 512 << 10
	patience  = 15 * time.Second
)

// signaller does WHIP (RFC 9725) and WHEP as a client.
type signaller struct {
	http  *http.Client
	token string
}

func newSignaller(token string) *signaller {
	return &signaller{&http.Client{Timeout: patience, Transport: &http.Transport{}}, token}
}

func (s *signaller) close() { s.http.CloseIdleConnections() }

// numbered puts the number of a publisher into an endpoint.
func numbered(endpoint string, n int) string {
	return strings.ReplaceAll(endpoint, "{n}", strconv.Itoa(n))
}

// exchange offers what pc wants, with all candidates, and applies the answer; resource is the URL to DELETE at the end.
func (s *signaller) exchange(ctx context.Context, pc *webrtc.PeerConnection, endpoint string) (resource string, err error) {
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return "", err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	answer, resource, err := s.post(ctx, endpoint, pc.LocalDescription().SDP)
	if err != nil {
		return "", err
	}
	return resource, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// post sends an offer and gives the answer and the URL to DELETE at the end.
func (s *signaller) post(ctx context.Context, endpoint, offer string) (answer, resource string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(offer))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	res, body, err := s.do(req)
	if err != nil {
		return "", "", err
	}
	if res.StatusCode != http.StatusCreated {
		return "", "", fmt.Errorf("%s: %s: %s", endpoint, res.Status, bytes.TrimSpace(body))
	}
	base, err := url.Parse(endpoint)
	if err != nil {
		return "", "", err
	}
	location, err := base.Parse(res.Header.Get("Location"))
	if err != nil {
		return "", "", err
	}
	return string(body), location.String(), nil
}

// leave ends a session; the server may be gone already.
func (s *signaller) leave(resource string) {
	if resource == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, resource, nil)
	if err == nil {
		_, _, _ = s.do(req)
	}
}

func (s *signaller) do(req *http.Request) (*http.Response, []byte, error) {
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	return res, body, err
}
