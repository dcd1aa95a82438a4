package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// serve runs a server without bonds in a directory of the test's own.
func serve(t *testing.T) (dir string) {
	t.Helper()
	labtest.OwnNetns(t)
	t.Setenv("TAPBOND_RUN", t.TempDir())
	l, err := control.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- control.NewServer(bond.NewEngine(nil, bond.NewBus(), nil), slog.New(slog.DiscardHandler)).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	if dir, err = control.Dir(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func client(t *testing.T) *control.Client {
	t.Helper()
	c, err := control.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneServerPerNamespace(t *testing.T) {
	dir := serve(t)
	if _, err := control.Listen(""); !errors.Is(err, control.ErrBusy) {
		t.Errorf("a second server: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "control.sock"))
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
}

// A second server is refused although it would keep its files elsewhere, as one
// in another container does, or because the first one's folder was removed.
func TestOneServerWhateverTheFolder(t *testing.T) {
	dir := serve(t)
	refused := func(about, want string) {
		t.Helper()
		l, err := control.Listen("")
		var busy *control.BusyError
		if !errors.As(err, &busy) || !errors.Is(err, control.ErrBusy) {
			if err == nil {
				l.Close()
			}
			t.Fatalf("%s: %v", about, err)
		}
		if busy.PID != os.Getpid() || busy.Dir != dir || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v: %v", about, busy, err)
		}
		if _, err := os.Stat(busy.Own); about != "folder removed" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %s is left: %v", about, busy.Own, err)
		}
	}
	run := os.Getenv("TAPBOND_RUN")
	t.Setenv("TAPBOND_RUN", t.TempDir())
	refused("another folder", "keeps its files in "+dir)
	asked(t, "keeps its files in "+dir, "TAPBOND_RUN="+run+",")
	t.Setenv("TAPBOND_RUN", run)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	refused("folder removed", "was removed")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	asked(t, dir+" was removed")
}

// asked has a client that finds no server say who serves: that is no namespace
// without bonds.
func asked(t *testing.T, wants ...string) {
	t.Helper()
	_, err := client(t).Bonds(t.Context())
	if !errors.Is(err, control.ErrBusy) || errors.Is(err, control.ErrNoServer) {
		t.Fatalf("a client says %v", err)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("a client says %v, not %s", err, want)
		}
	}
}

func TestSocketOfAKilledServerIsReplaced(t *testing.T) {
	labtest.OwnNetns(t)
	t.Setenv("TAPBOND_RUN", t.TempDir())
	if _, err := client(t).Bonds(t.Context()); !errors.Is(err, control.ErrNoServer) {
		t.Errorf("without a server: %v", err)
	}
	dir, err := control.Dir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	dead, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	if _, err := client(t).Bonds(t.Context()); !errors.Is(err, control.ErrNoServer) {
		t.Errorf("with a dead server's socket: %v", err)
	}
	l, err := control.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnswers(t *testing.T) {
	serve(t)
	c := client(t)
	if bonds, err := c.Bonds(t.Context()); err != nil || len(bonds) != 0 {
		t.Errorf("bonds: %v, %v", bonds, err)
	}
	err := c.Set(t.Context(), "bond0", []option.Assign{{Option: "miimon", Value: "100"}})
	if !errors.Is(err, unix.ENODEV) || err.Error() != "bond bond0 does not exist" {
		t.Errorf("an unknown bond: %v", err)
	}
}

// raw sends octets and returns what comes back until the server hangs up.
func raw(t *testing.T, dir, request string) string {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, request) }()
	out, _ := io.ReadAll(conn)
	return string(out)
}

func TestHostileRequests(t *testing.T) {
	dir := serve(t)
	big := strings.Repeat("a", 10<<20)
	for name, req := range map[string]string{
		"garbage":     "\x00\x01\x02 what\r\n\r\n",
		"huge header": "GET /v1/bonds HTTP/1.1\r\nHost: x\r\nX: " + big + "\r\n\r\n",
		"unknown way": "GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"bad since":   "GET /v1/events?since=abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"huge body":   fmt.Sprintf("POST /v1/bonds/b/options HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(big), big),
	} {
		if got := raw(t, dir, req); !strings.HasPrefix(got, "HTTP/1.1 4") {
			t.Errorf("%s: %.60q", name, got)
		}
	}
	if _, err := client(t).Bonds(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestManyIdleConnectionsDoNotBlockTheEngine(t *testing.T) {
	dir := serve(t)
	for range 40 {
		conn, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := client(t).Bonds(ctx); err != nil {
		t.Errorf("with 40 silent clients: %v", err)
	}
}

func TestStatusIsHTTPs(t *testing.T) {
	dir := serve(t)
	got := raw(t, dir, "GET /v1/bonds/bond0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d", http.StatusNotFound)) {
		t.Errorf("%.80q", got)
	}
}
