package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
)

// answerTimeout bounds one answer; a client that reads slower is cut off.
const answerTimeout = 10 * time.Second

// Server answers requests with an engine.
type Server struct {
	engine *bond.Engine
	log    *slog.Logger
	// HandOver ends an idle server so that another one can take its place. It
	// reports false if there is something to serve; nil refuses always.
	HandOver func() bool
}

// NewServer returns a Server for an engine. Who changes something is logged.
func NewServer(e *bond.Engine, log *slog.Logger) *Server { return &Server{engine: e, log: log} }

// Serve answers on l until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := httpServer(newRequestLog(s.log).wrap(s.routes()))
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	if l, ok := l.(*Listener); ok {
		srv.ConnState, srv.ConnContext = l.state, withPlace
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/ping", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, nil) })
	mux.HandleFunc("GET /v1/bonds", s.list)
	mux.HandleFunc("POST /v1/bonds", s.create)
	mux.HandleFunc("GET /v1/bonds/{bond}", s.withBond(func(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
		st, err := b.State()
		answer(w, st, err)
	}))
	mux.HandleFunc("DELETE /v1/bonds/{bond}", s.withBond(func(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
		answer(w, nil, b.Close(r.Context()))
	}))
	mux.HandleFunc("POST /v1/bonds/{bond}/options", s.withBond(s.set))
	mux.HandleFunc("POST /v1/bonds/{bond}/link", s.withBond(s.setLink))
	mux.HandleFunc("GET /v1/bonds/{bond}/files", s.withBond(func(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
		texts, err := b.ReadFiles()
		answer(w, Files{texts}, err)
	}))
	mux.HandleFunc("GET /v1/bonds/{bond}/files/{file}", s.withBond(func(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
		text, err := b.ReadFile(r.PathValue("file"))
		answer(w, File{text, b.Index()}, err)
	}))
	mux.HandleFunc("PUT /v1/bonds/{bond}/slaves/{slave}", s.withBond(func(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
		enslave := b.Enslave
		if r.URL.Query().Get("configured") == "true" {
			enslave = b.EnslaveConfigured
		}
		answer(w, nil, enslave(r.Context(), r.PathValue("slave")))
	}))
	mux.HandleFunc("DELETE /v1/bonds/{bond}/slaves/{slave}", s.withBond(func(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
		answer(w, nil, b.Release(r.Context(), r.PathValue("slave")))
	}))
	mux.HandleFunc("POST /v1/sync", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, s.engine.Sync(r.Context()))
	})
	mux.HandleFunc("POST /v1/handover", s.handOver)
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("/", unknownRequest)
	s.moduleRoutes(mux)
	return mux
}

// unknownRequest answers what is no request of this server.
func unknownRequest(w http.ResponseWriter, r *http.Request) {
	answer(w, nil, &Error{
		Message: fmt.Sprintf("%s %s: there is no such request; docs/api.md lists all, and GET /v1/bonds works", cut(r.Method, shownWord), cut(r.URL.Path, maxShown)),
		Errno:   unix.ENOENT,
	})
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	brief, err := flag(r, "brief", false)
	if err = errors.Join(err, known(r, "brief")); err != nil {
		answer(w, nil, err)
		return
	}
	if brief {
		answer(w, all(s.engine.Bonds(), (*bond.Bond).Brief), nil)
		return
	}
	answer(w, all(s.engine.Bonds(), (*bond.Bond).State), nil)
}

// all is what is said of every bond. One deleted meanwhile is not there.
func all[T any](bonds []*bond.Bond, of func(*bond.Bond) (T, error)) []T {
	out := []T{}
	for _, b := range bonds {
		if st, err := of(b); err == nil {
			out = append(out, st)
		}
	}
	return out
}

func (s *Server) withBond(h func(http.ResponseWriter, *http.Request, *bond.Bond)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("bond")
		if len(name) > maxName || len(r.PathValue("slave")) > maxName || len(r.PathValue("file")) > maxName {
			answer(w, nil, tooLong("path", r.URL.Path, maxName))
			return
		}
		var takes []string
		if r.Method == http.MethodPut {
			takes = []string{"configured"}
		}
		if err := known(r, takes...); err != nil {
			answer(w, nil, err)
			return
		}
		b := s.engine.Find(name)
		if b == nil {
			answer(w, nil, &Error{Message: "bond " + name + " does not exist" + s.others(), Errno: unix.ENODEV})
			return
		}
		h(w, r, b)
	}
}

// othersShown is how many bonds an answer about a wrong name lists.
const othersShown = 8

// others lists the bonds there are, for an answer about a name that is none.
func (s *Server) others() string {
	var names []string
	for _, b := range s.engine.Bonds() {
		names = append(names, b.Name())
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) > othersShown:
		names = append(names[:othersShown], "...")
	}
	return "; there is " + strings.Join(names, ", ")
}

// events streams one JSON object a line: the events after number since (by
// default those to come), until the client goes, or with follow=false until
// there are no more.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	bus := s.engine.Bus()
	since := bus.Last()
	if q := r.URL.Query().Get("since"); q != "" {
		n, err := strconv.ParseUint(q, 10, 64)
		if err != nil {
			answer(w, nil, &Error{Message: fmt.Sprintf("since: %q is no number of an event", cut(q, shownWord)), Errno: unix.EINVAL})
			return
		}
		since = n
	}
	follow, err := flag(r, "follow", true)
	if err = errors.Join(err, known(r, "since", "follow")); err != nil {
		answer(w, nil, err)
		return
	}
	ctx := r.Context()
	if c := placeOf(ctx); c != nil && follow {
		leave, err := c.places.stream(c.peer.uid)
		if err != nil {
			answer(w, nil, err)
			return
		}
		defer leave()
	}
	if !follow {
		done, cancel := context.WithCancel(ctx)
		cancel() // Since waits no more, it returns what is there
		ctx = done
	}
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	_ = rc.Flush()
	enc := json.NewEncoder(w)
	for {
		events, err := bus.Since(ctx, since)
		if err != nil {
			return
		}
		_ = rc.SetWriteDeadline(time.Now().Add(answerTimeout))
		for i := range events {
			if enc.Encode(&events[i]) != nil {
				return
			}
			since = events[i].Seq
		}
		if rc.Flush() != nil {
			return
		}
	}
}

func answer(w http.ResponseWriter, v any, err error) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		out := answerFor(err)
		v = out
		w.WriteHeader(status(out.Errno))
	}
	if v == nil {
		v = struct{}{}
	}
	_ = json.NewEncoder(w).Encode(v)
}
