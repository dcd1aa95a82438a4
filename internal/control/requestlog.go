package control

import (
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// A client can make thousands of requests a second; its lines in the log are
// bounded, whoever it is.
const (
	logRate  = 10 // lines a second, of root and of all others
	logBurst = 100
	maxShown = 256 // bytes of a path in a line
)

// requestLog logs requests that may change something, with who made them.
type requestLog struct {
	log        *slog.Logger
	root, rest quota
}

// quota is how much of the log a class of users may fill.
type quota struct {
	limit   *rate.Limiter
	leftOut atomic.Int64 // since the last line
}

func newRequestLog(log *slog.Logger) *requestLog {
	l := &requestLog{log: log}
	for _, q := range []*quota{&l.root, &l.rest} {
		q.limit = rate.NewLimiter(logRate, logBurst)
	}
	return l
}

func (l *requestLog) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.URL.Path != "/v1/sync" {
			l.note(r)
		}
		h.ServeHTTP(w, r)
	})
}

func (l *requestLog) note(r *http.Request) {
	q := &l.rest
	if c := placeOf(r.Context()); c == nil || c.peer.uid == 0 {
		q = &l.root
	}
	if !q.limit.Allow() {
		q.leftOut.Add(1)
		return
	}
	attrs := []slog.Attr{slog.String("method", r.Method), slog.String("path", cut(r.URL.Path, maxShown)), slog.String("peer", r.RemoteAddr)}
	if n := q.leftOut.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("left_out", n))
	}
	l.log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}
