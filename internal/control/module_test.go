package control_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modparam"
)

func TestModule(t *testing.T) {
	dir := serve(t)
	c := client(t)
	if st, err := c.Module(t.Context()); err != nil || st.Loaded || st.Files != nil {
		t.Errorf("not loaded: %+v, %v", st, err)
	}
	if err := c.UnloadModule(t.Context()); !errors.Is(err, unix.ENOENT) {
		t.Errorf("unload: %v", err)
	}
	_, err := c.LoadModule(t.Context(), control.ModuleRequest{Parameters: []modparam.Param{{Name: "miimon", Value: "-1"}, {Name: "mode", Value: "9"}}})
	var no *control.Error
	if !errors.As(err, &no) || no.Errno != unix.EINVAL || !slices.Equal(no.Log, []string{`Error: Invalid bonding mode "9"`}) {
		t.Errorf("a bad mode: %#v", err)
	}
	params := []modparam.Param{{Name: "max_bonds", Value: "0"}, {Name: "num_grat_arp", Value: "3"}, {Name: "frob", Bare: true}}
	got, err := c.LoadModule(t.Context(), control.ModuleRequest{Parameters: params})
	if err != nil || len(got.Bonds) != 0 || len(got.Log) != 1 || got.Log[0].Level.String() != "WARN" || got.Log[0].Text != "bonding: unknown parameter 'frob' ignored" {
		t.Errorf("%+v, %v", got, err)
	}
	if st, err := c.Module(t.Context()); err != nil || !st.Loaded || !slices.Equal(st.Parameters, params) || st.Files["num_unsol_na"] != "3\n" {
		t.Errorf("loaded: %+v, %v", st, err)
	}
	if _, err := c.LoadModule(t.Context(), control.ModuleRequest{}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("again: %v", err)
	}
	if said := raw(t, dir, "PUT /v1/module HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{\"frob\":1}"); !strings.Contains(said, "422 "+http.StatusText(http.StatusUnprocessableEntity)) {
		t.Errorf("an unknown field: %s", said)
	}
	if err := c.UnloadModule(t.Context()); err != nil {
		t.Error(err)
	}
	if st, err := c.Module(t.Context()); err != nil || st.Loaded {
		t.Errorf("unloaded: %+v, %v", st, err)
	}
}
