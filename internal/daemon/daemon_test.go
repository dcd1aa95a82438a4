package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
)

func TestLogIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ns-1")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, logName)
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 999) + "\n"
	for range 3 * logSize / len(line) {
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil || info.Size() > logSize || info.Size()%int64(len(line)) != 0 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	// A second daemon goes on where the first one stopped.
	again, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(path)
	if again.size != before.Size() {
		t.Errorf("size %d, want %d", again.size, before.Size())
	}
	again.Close()
	ForgetHistory(dir)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder stays: %v", err)
	}
}

// A namespace without a name that has another process in it, this one's
// parent, is nobody's to give up.
func TestOwnNamespaceIsNotAbandoned(t *testing.T) {
	labtest.NeedRoot(t)
	n, err := ownNamespace()
	if err != nil {
		t.Fatal(err)
	}
	for _, transient := range []bool{false, true} {
		if n.abandoned(transient, 0) {
			t.Errorf("transient %v: abandoned, with the test's parent in it", transient)
		}
	}
}
