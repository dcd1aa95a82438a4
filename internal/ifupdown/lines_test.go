package ifupdown

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/modconf"
)

// Files that source their own folder are a mistake, told at once.
func TestSourceRoundAndRound(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		text := "source " + dir + "/*\nauto bond0\niface bond0 inet manual\n  bond-mode 1\n"
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &reader{}
	if err := r.file(filepath.Join(dir, "f0"), 0); err != nil {
		t.Fatal(err)
	}
	if r.files > maxFiles+1 || len(r.wrong) == 0 {
		t.Errorf("read %d files, %d mistakes", r.files, len(r.wrong))
	}
	often := false
	for _, w := range r.wrong {
		often = often || strings.HasSuffix(w.Text, "too often")
	}
	if !often {
		t.Errorf("%v", r.wrong[0])
	}
	if _, err := Read(filepath.Join(dir, "f0"), "", new(modconf.Config)); err != nil {
		t.Error(err)
	}
}
