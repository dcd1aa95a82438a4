package statefile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/modparam"
)

func TestModuleIsKept(t *testing.T) {
	s := Open(t.TempDir())
	if r, err := s.Module(); r != nil || err != nil {
		t.Errorf("from nothing: %+v, %v", r, err)
	}
	want := &bond.ModuleRecord{Phase: bond.Coming, Parameters: []modparam.Param{{Name: "mode", Value: "1"}, {Name: "x", Bare: true}}}
	if err := s.SaveModule(want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Module(); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	if !Exists(s.dir) {
		t.Error("a loaded module is no state")
	}
	// Records come and go without it.
	if err := s.Save(sample()); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(nil); err != nil || !Exists(s.dir) {
		t.Errorf("%v", err)
	}
	for range 2 {
		if err := s.SaveModule(nil); err != nil {
			t.Fatal(err)
		}
	}
	if Exists(s.dir) {
		t.Error("something is left")
	}
}

func TestBrokenModuleFile(t *testing.T) {
	s := Open(t.TempDir())
	if err := s.SaveModule(&bond.ModuleRecord{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(s.dir, moduleName), 40); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Module(); r != nil || err == nil || !strings.Contains(err.Error(), "kept as module.json.broken.0") {
		t.Errorf("%+v, %v", r, err)
	}
	if Exists(s.dir) {
		t.Error("the broken file is still the module's")
	}
}
