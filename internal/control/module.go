package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/modparam"
)

// ModuleRequest asks for the module to be loaded.
type ModuleRequest struct {
	Parameters []modparam.Param `json:"parameters,omitempty"`
	// Of has the parameters of single bonds among those that are made at once,
	// by name, in place of Parameters.
	Of map[string][]modparam.Param `json:"of,omitempty"`
}

// ModuleAnswer tells what came of it.
type ModuleAnswer struct {
	Bonds []string  `json:"bonds"` // made, by name
	Log   []LogLine `json:"log,omitempty"`
}

// LogLine is a line of the driver's log.
type LogLine struct {
	Level slog.Level `json:"level"`
	Text  string     `json:"text"`
}

func (s *Server) moduleRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/module", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.engine.Module(), nil)
	})
	mux.HandleFunc("PUT /v1/module", s.loadModule)
	mux.HandleFunc("DELETE /v1/module", func(w http.ResponseWriter, r *http.Request) {
		err := s.engine.UnloadModule(r.Context())
		if err != nil && !errors.Is(err, bond.ErrNotLoaded) {
			err = &Error{Message: err.Error()} // whatever errno is in it, that isn't why
		}
		answer(w, nil, err)
	})
}

func (s *Server) loadModule(w http.ResponseWriter, r *http.Request) {
	var req ModuleRequest
	if !decode(w, r, &req) {
		return
	}
	err := boundParameters(req.Parameters)
	for name, params := range req.Of {
		if err == nil && len(name) > maxName {
			err = tooLong("bond", name, maxName)
		}
		err = errors.Join(err, boundParameters(params))
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	names, log, err := s.engine.LoadModule(r.Context(), req.Parameters, req.Of)
	out := ModuleAnswer{Bonds: names}
	for _, l := range log {
		out.Log = append(out.Log, LogLine{slog.Level(l.Level), l.Text})
	}
	answer(w, out, err)
}

// LoadModule loads the module: EEXIST if it is loaded.
func (c *Client) LoadModule(ctx context.Context, req ModuleRequest) (ModuleAnswer, error) {
	var out ModuleAnswer
	return out, c.do(ctx, http.MethodPut, "/v1/module", req, &out)
}

// UnloadModule removes every bond and forgets the parameters: ENOENT if the
// module isn't loaded.
func (c *Client) UnloadModule(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/v1/module", nil, nil)
}

// Module tells of the module.
func (c *Client) Module(ctx context.Context) (bond.ModuleState, error) {
	var out bond.ModuleState
	return out, c.do(ctx, http.MethodGet, "/v1/module", nil, &out)
}
