package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/modparam"
)

// CreateRequest asks for a bond, all of it or none.
type CreateRequest struct {
	// Name of 1 to 15 octets; a %d in it becomes the lowest number that is free.
	Name    string          `json:"name"`
	Options []option.Assign `json:"options,omitempty"`
	// Parameters are the module's, for this bond; without any it begins with
	// those that the module was loaded with.
	Parameters []modparam.Param `json:"parameters,omitempty"`
}

// CreateAnswer tells the name of the new bond.
type CreateAnswer struct {
	Name string `json:"name"`
}

// SetRequest asks for options to be changed, all or none.
type SetRequest struct {
	Options []option.Assign `json:"options"`
	// Sysfs: the values are in the form of the driver's files.
	Sysfs bool `json:"sysfs,omitempty"`
}

// File is the content of one of the driver's files.
type File struct {
	Text  string `json:"text"`
	Index int    `json:"ifindex"` // of the bond's device
}

// Files is the content of all of them, by name.
type Files struct {
	Texts map[string]string `json:"texts"`
}

// decode reads a request's body; if it can't it has answered.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		answer(w, nil, &Error{Message: "request: " + cut(err.Error(), maxShown), Errno: unix.EINVAL})
		return false
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		answer(w, nil, &Error{Message: "request: something follows the JSON object", Errno: unix.EINVAL})
		return false
	}
	return true
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var req CreateRequest
	if !decode(w, r, &req) {
		return
	}
	cfg := bond.Config{Name: req.Name, Options: req.Options}
	err := errors.Join(boundOptions(req.Options), boundParameters(req.Parameters))
	if len(req.Name) > maxName {
		err = tooLong("bond", req.Name, maxName)
	}
	if err == nil && req.Parameters != nil {
		var m modparam.Module
		m, err = modparam.Check(req.Parameters)
		cfg.Base = map[string]option.Values{"": m.Values}
	}
	var b *bond.Bond
	if err == nil {
		b, err = s.engine.Create(r.Context(), cfg)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	answer(w, CreateAnswer{b.Name()}, nil)
}

func (s *Server) set(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
	var req SetRequest
	if !decode(w, r, &req) {
		return
	}
	err := boundOptions(req.Options)
	if err == nil && len(req.Options) == 0 {
		err = &Error{Message: "request: it names no option to set", Errno: unix.EINVAL}
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	via := option.ViaNetlink
	if req.Sysfs {
		via = option.ViaSysfs
	}
	answer(w, nil, b.Set(r.Context(), via, req.Options))
}
