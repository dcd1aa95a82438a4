package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
)

// impatient returns a client with small limits, and the path of its socket.
func impatient(t *testing.T) (*Client, string) {
	t.Helper()
	t.Setenv("TAPBOND_RUN", t.TempDir())
	c, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	c.patience = patience{ping: 200 * time.Millisecond, read: 300 * time.Millisecond, change: 30 * time.Second, every: 50 * time.Millisecond}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return c, filepath.Join(c.dir, socketName)
}

// requests are one of each kind.
var requests = map[string]func(context.Context, *Client) error{
	"ping":   func(ctx context.Context, c *Client) error { return c.Ping(ctx) },
	"read":   func(ctx context.Context, c *Client) error { _, err := c.Bonds(ctx); return err },
	"change": func(ctx context.Context, c *Client) error { return c.Enslave(ctx, "bond0", "eth0") },
	"events": func(ctx context.Context, c *Client) error {
		return c.Events(ctx, false, func(bond.Event) error { return nil })
	},
	"follow": func(ctx context.Context, c *Client) error {
		return c.Events(ctx, true, func(bond.Event) error { return nil })
	},
}

// expectHung runs every request and wants each to end soon with a HungError.
func expectHung(t *testing.T, c *Client, says string) {
	t.Helper()
	for name, do := range requests {
		began := time.Now()
		err := do(t.Context(), c)
		var hung *HungError
		if !errors.As(err, &hung) || !errors.Is(err, unix.ETIMEDOUT) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestServerThatNeverAccepts(t *testing.T) {
	c, path := impatient(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expectHung(t, c, fmt.Sprintf("the daemon (pid %d) did not answer within", os.Getpid()))
}

// It begins its answers and stops in the middle of them.
func TestServerThatStopsWithinAnAnswer(t *testing.T) {
	c, path := impatient(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pingPath {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "[")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	for _, name := range []string{"read", "events", "follow"} {
		var hung *HungError
		if err := requests[name](t.Context(), c); !errors.As(err, &hung) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A change may take longer than a read, while the server answers pings.
func TestSlowChangeIsWaitedFor(t *testing.T) {
	c, path := impatient(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			select {
			case <-r.Context().Done():
			case <-time.After(2 * c.patience.read):
			}
		}
		_, _ = io.WriteString(w, "{}")
	})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	if err := requests["change"](t.Context(), c); err != nil {
		t.Error(err)
	}
}

// What the caller's own context says stays what it says.
func TestCallersLimit(t *testing.T) {
	c, path := impatient(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// listenVar makes the test's program the server of TestStoppedServer: a process
// of its own.
const listenVar = "TAPBOND_TEST_LISTEN"

func TestMain(m *testing.M) {
	if path := os.Getenv(listenVar); path != "" {
		listen(path)
		return
	}
	os.Exit(m.Run())
}

func listen(path string) {
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	fmt.Println("listening")
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventsPath {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, "{}")
	})}
	_ = srv.Serve(l)
}

func TestStoppedServer(t *testing.T) {
	c, path := impatient(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), listenVar+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if n, err := io.ReadAtLeast(out, make([]byte, 64), len("listening")); err != nil {
		t.Fatal(n, err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	followed := make(chan error, 1)
	go func() { followed <- requests["follow"](t.Context(), c) }()
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !stopped(cmd.Process.Pid); {
		if time.Now().After(deadline) {
			t.Fatal("it does not stop")
		}
	}
	expectHung(t, c, fmt.Sprintf("the daemon (pid %d) is stopped; resume it: kill -CONT", cmd.Process.Pid))
	var hung *HungError
	if err := <-followed; !errors.As(err, &hung) {
		t.Errorf("who followed before: %v", err)
	}
	if err := cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("once resumed: %v", err)
	}
}
