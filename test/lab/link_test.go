package lab

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// echo sends UDP packets back on port 7000 of its namespace until it is told to end.
func echo(in *json.Decoder, out *json.Encoder) error {
	c, err := net.ListenPacket("udp4", ":7000")
	if err != nil {
		return err
	}
	go func() {
		b := make([]byte, 2000)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
	if err = out.Encode(struct{}{}); err != nil {
		return err
	}
	var end struct{}
	err = in.Decode(&end)
	return errors.Join(ignoreEOF(err), c.Close())
}

// pings is what ping is asked for, and its answer.
type pings struct {
	Addr     string
	N, Got   int
	Shortest time.Duration
}

// ping sends packets to an echo, all at once in tens, and counts what comes back.
func ping(in *json.Decoder, out *json.Encoder) error {
	for {
		var p pings
		if err := in.Decode(&p); err != nil {
			return ignoreEOF(err)
		}
		c, err := net.Dial("udp4", p.Addr)
		if err != nil {
			return err
		}
		b := make([]byte, 8)
		for range p.N / 10 {
			begin := time.Now()
			for range 10 {
				_, _ = c.Write(b)
			}
			for range 10 {
				_ = c.SetReadDeadline(begin.Add(400 * time.Millisecond))
				if _, err = c.Read(b); err != nil {
					break
				}
				if d := time.Since(begin); p.Got == 0 || d < p.Shortest {
					p.Shortest = d
				}
				p.Got++
			}
		}
		_ = c.Close()
		if err = out.Encode(p); err != nil {
			return err
		}
	}
}

// TestLink: delay and loss are what was asked for, on emulated legs and on plain ones.
func TestLink(t *testing.T) {
	s := NewStar(t, 1)
	s.Do("emu", "2")
	var ready struct{}
	s.Start("h", "echo").Receive(&ready, 10*time.Second)
	measure := func(c *Child, addr string, n int) (p pings) {
		t.Helper()
		c.Send(pings{Addr: addr, N: n})
		c.Receive(&p, 30*time.Second)
		return p
	}
	plain, emulated := s.Start("1", "ping"), s.Start("2", "ping")
	if p := measure(plain, "10.99.1.1:7000", 100); p.Got != 100 || p.Shortest > 20*time.Millisecond {
		t.Errorf("plain leg: %+v", p)
	}
	s.Do("loss", "1", "30")
	if p := measure(plain, "10.99.1.1:7000", 200); p.Got < 50 || p.Got > 150 { // 98 are expected
		t.Errorf("30 %% loss both ways: %+v", p)
	}
	s.Do("clear", "1")
	s.Do("blockudp", "1")
	if p := measure(plain, "10.99.1.1:7000", 10); p.Got != 0 {
		t.Errorf("UDP is not blocked: %+v", p)
	}
	if p := measure(emulated, "10.99.2.1:7000", 100); p.Got != 100 || p.Shortest > 20*time.Millisecond {
		t.Errorf("emulated leg without parameters: %+v", p)
	}
	s.Do("link", "2", "delay=60ms")
	for end := time.Now().Add(5 * time.Second); ; { // until the file has been read
		if p := measure(emulated, "10.99.2.1:7000", 10); p.Got == 10 && p.Shortest >= 120*time.Millisecond {
			break
		}
		if time.Now().After(end) {
			t.Fatal("60 ms of delay each way")
		}
	}
	s.Do("show")
}

// TestBox: a command is alone in its network and its status is passed on.
func TestBox(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	_, here, _, _ := runtime.Caller(0)
	box := filepath.Join(filepath.Dir(here), "box.sh")
	out, err := exec.Command(box, "sh", "-c", "ip -4 -o addr | awk '{print $4}'; exit 7").Output()
	if got := strings.Fields(string(out)); strings.Join(got, " ") != "127.0.0.1/8 10.98.0.1/24" {
		t.Errorf("addresses %v", got)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Error(err)
	}
}
