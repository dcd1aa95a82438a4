package control_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// logBuffer is a log that several goroutines write to.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// serveLogging is serve with a log.
func serveLogging(t *testing.T) (dir string, log *logBuffer) {
	t.Helper()
	labtest.OwnNetns(t)
	t.Setenv("TAPBOND_RUN", t.TempDir())
	l, err := control.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	log = &logBuffer{}
	s := control.NewServer(bond.NewEngine(nil, bond.NewBus(), nil), slog.New(slog.NewTextHandler(log, nil)))
	go func() { _ = s.Serve(t.Context(), l) }()
	t.Cleanup(func() { _ = l.Close() })
	return l.Dir(), log
}

func post(t *testing.T, dir, path, body string) string {
	t.Helper()
	return raw(t, dir, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body))
}

// Nothing that is wrong with a request is silently passed over, and each answer
// is JSON that says what.
func TestEveryEndpointRefusesWrongInput(t *testing.T) {
	dir, _ := serveLogging(t)
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ request, body, says string }{
		{"GET /v1/nothing", "", "there is no such request"},
		{"PATCH /v1/bonds", "", "there is no such request"},
		{"DELETE /v1/ping", "", "there is no such request"},
		{"GET /v1/bonds?breif=true", "", `"breif" is unknown; it takes brief`},
		{"GET /v1/bonds?brief=maybe", "", `"maybe" is neither true nor false`},
		{"GET /v1/bonds/bond0?brief=true", "", `"brief" is unknown; it takes none`},
		{"GET /v1/bonds/bond0", "", "bond bond0 does not exist"},
		{"GET /v1/bonds/" + long, "", "too long; at most 64"},
		{"PUT /v1/bonds/bond0/slaves/" + long, "", "too long"},
		{"GET /v1/events?since=abc", "", `"abc" is no number`},
		{"GET /v1/events?follow=perhaps", "", `"perhaps" is neither`},
		{"GET /v1/events?form=1", "", `"form" is unknown; it takes since, follow`},
		{"POST /v1/bonds", "", "request: "},
		{"POST /v1/bonds", "{", "request: "},
		{"POST /v1/bonds", `{"nam":"bond0"}`, "nam"},
		{"POST /v1/bonds", `{"name":"bond0"} and more`, "something follows"},
		{"POST /v1/bonds", `{"name":"` + long + `"}`, "too long"},
		{"POST /v1/bonds", `{"name":"bond0","options":[{"option":"` + long + `","value":"1"}]}`, "too long"},
		{"POST /v1/bonds", `{"name":"bond0","options":[{"option":"miimon","value":"` + long + `"}]}`, "option miimon: value"},
		{"POST /v1/bonds", `{"name":"bond0","parameters":[{"name":"mode","value":"` + long + `"}]}`, "parameter mode: value"},
		{"POST /v1/bonds", `{"name":"bond0","options":[` + strings.Repeat(`{"option":"miimon","value":"1"},`, 300) + `{}]}`, "301 options are too many"},
		{"PUT /v1/module", `{"parameters":[{"name":"` + long + `"}]}`, "too long"},
		{"PUT /v1/module", `{"of":{"` + long + `":[]}}`, "too long"},
		{"POST /v1/handover", "", "this daemon stays"},
	} {
		got := raw(t, dir, fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", c.request, len(c.body), c.body))
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		var no control.Error
		if !strings.HasPrefix(head, "HTTP/1.1 4") || json.Unmarshal([]byte(body), &no) != nil || !strings.Contains(no.Message, c.says) {
			t.Errorf("%.60s %.60s: %.60q %.300q, want %q", c.request, c.body, head, body, c.says)
		}
		if len(no.Message) > 1000 {
			t.Errorf("%.60s: an answer of %d bytes", c.request, len(no.Message))
		}
	}
}

// A thousand huge requests cost no memory that stays, and few lines of the log.
func TestHugeRequestsCostLittle(t *testing.T) {
	dir, log := serveLogging(t)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	value := strings.Repeat("v", 60_000)
	body := `{"name":"bond0","options":[{"option":"miimon","value":"` + value + `"}]}`
	for range 1100 {
		if got := post(t, dir, "/v1/bonds", body); !strings.HasPrefix(got, "HTTP/1.1 422") {
			t.Fatalf("%.100q", got)
		}
	}
	huge := strings.Repeat(" ", 900_000) + body
	var posts sync.WaitGroup
	for range 100 {
		posts.Go(func() {
			if got := post(t, dir, "/v1/bonds", huge); got != "" && !strings.HasPrefix(got, "HTTP/1.1 4") {
				t.Errorf("%.100q", got)
			}
		})
	}
	posts.Wait()
	if after := heap(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if n := bytes.Count(log.b.Bytes(), []byte("\n")); n < 100 || n > 900 {
		t.Errorf("%d lines about 1200 requests", n)
	}
	if log.b.Len() > 200_000 {
		t.Errorf("%d bytes of log", log.b.Len())
	}
}

// Event streams that nobody reads, and connections that say nothing, lock nobody
// out.
func TestManyStreamsLockNobodyOut(t *testing.T) {
	dir, _ := serveLogging(t)
	refused := 0
	for i := range 200 {
		conn, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			continue // it says nothing
		}
		if _, err := fmt.Fprint(conn, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 64)
		n, err := conn.Read(head)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(head[:n]), fmt.Sprintf("HTTP/1.1 %d", http.StatusTooManyRequests)) {
			refused++
		}
	}
	if refused == 0 || refused > 90 {
		t.Errorf("%d of 100 streams refused", refused)
	}
	if _, err := client(t).Bonds(t.Context()); err != nil {
		t.Errorf("beside them: %v", err)
	}
}

// A brief answer says nothing about what it leaves out.
func TestBriefHasNoZeros(t *testing.T) {
	text, err := json.Marshal(bond.Brief{Name: "bond0", Index: 7, MAC: "02:00:00:00:00:01", Slaves: []bond.BriefSlave{{Name: "eth0", Index: 3, PermMAC: "02:00:00:00:00:02"}}})
	want := `{"name":"bond0","ifindex":7,"address":"02:00:00:00:00:01","slaves":[{"name":"eth0","ifindex":3,"perm_hwaddr":"02:00:00:00:00:02"}]}`
	if err != nil || string(text) != want {
		t.Errorf("%v %s", err, text)
	}
	var st bond.State
	if err := json.Unmarshal(text, &st); err != nil || st.Name != "bond0" || st.Index != 7 || st.Slaves[0].PermMAC != "02:00:00:00:00:02" {
		t.Errorf("as a state: %v %+v", err, st)
	}
}
