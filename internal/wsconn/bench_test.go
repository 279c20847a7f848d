package wsconn

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkEcho is one message of 300 bytes in and out per operation, with the clients in a process
// of their own; cpu-us/op is what the server's process used, idle-B/conn what a connection holds
// when nothing happens. Run with -benchtime=100000x for figures to compare.
func BenchmarkEcho(b *testing.B) {
	const conns = 1000
	s := New(Config{Direct: true, Limits: Limits{Rate: 1e9, Linger: time.Second, Burst: 1e9, PendingPerIP: conns, Handshake: time.Hour}})
	open := make(chan struct{}, conns)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Serve(w, r, func(c *Conn) Handler {
			return &probe{c: c, ended: make(chan End, 1), onMessage: func(data []byte, _ bool) {
				if len(data) == 1 { // the greeting
					open <- struct{}{}
				}
				_ = c.Send(bytes.Clone(data))
			}}
		})
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = web.Serve(l) }()
	defer func() { _ = web.Close() }()
	before := held()
	client := exec.Command(os.Args[0], "-test.run=^TestEchoClient$")
	client.Env = append(os.Environ(), fmt.Sprintf("VECHE_ECHO=%s %d %d", l.Addr(), conns, b.N))
	in, _ := client.StdinPipe()
	out, _ := client.StdoutPipe()
	if err := client.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = client.Wait()
		_ = s.Close(b.Context())
	}()
	for range conns {
		wait(b, open, "a connection")
	}
	idle := held() - before
	start := cpu()
	b.ResetTimer()
	_, _ = in.Write([]byte("\n"))
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1000/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(idle)/conns, "idle-B/conn")
}

func held() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC() // also shrinks stacks
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestEchoClient is the client process of BenchmarkEcho.
func TestEchoClient(t *testing.T) {
	spec := os.Getenv("VECHE_ECHO")
	if spec == "" {
		t.Skip("part of BenchmarkEcho")
	}
	var addr string
	var conns, n int
	if _, err := fmt.Sscan(spec, &addr, &conns, &n); err != nil {
		t.Fatal(err)
	}
	list := make([]*raw, conns)
	for i := range list {
		list[i] = rawDial(t, "ws://"+addr+"/ws", clientFrame(finalBit|opText, "x"))
		_, _, _ = list[i].frame()
		_ = list[i].SetDeadline(time.Time{})
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	hello := clientFrame(finalBit|opText, strings.Repeat("x", 300))
	echo := make([]byte, 304)
	const group = 50 // in flight, so that the server is busy and not woken up for each
	for i := 0; i < n; i += group {
		for k := range group {
			_, _ = list[(i+k)%conns].Write(hello)
		}
		for k := range group {
			if _, err := io.ReadFull(list[(i+k)%conns].r, echo); err != nil {
				t.Fatal(err)
			}
		}
	}
	fmt.Println("done")
}
