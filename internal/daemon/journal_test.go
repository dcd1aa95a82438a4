package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bond"
)

// Events of several lives are read in order, also after a crash in the middle of a
// line, and the files are bounded.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	if events, err := Journal(dir); err != nil || len(events) > 0 {
		t.Errorf("of nothing: %v %v", events, err)
	}
	n := 0
	write := func(count int) {
		j := &journal{path: filepath.Join(dir, journalName), log: slog.New(slog.DiscardHandler)}
		for range count {
			n++
			j.write(&bond.Event{Seq: uint64(n), Time: time.Unix(int64(n), 0), Bond: "bond0", Slave: "eth0", Kind: "link_down", Message: "m", Why: "no carrier"}, n%3)
		}
		j.file.Close()
	}
	expect := func(first, last int) {
		t.Helper()
		events, err := Journal(dir)
		if err != nil || len(events) == 0 || events[len(events)-1].Seq != uint64(last) || first > 0 && events[0].Seq != uint64(first) {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for i := 1; i < len(events); i++ {
			if e := events[i]; e.Seq != events[i-1].Seq+1 || e.Why != "no carrier" || e.Slave != "eth0" {
				t.Fatalf("event %d: %+v after %d", i, e, events[i-1].Seq)
			}
		}
	}
	write(3)
	expect(1, 3)
	path := filepath.Join(dir, journalName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"seq":99,"ti`+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	write(2)
	expect(1, 5)
	write(3 * journalSize / 100)
	expect(0, n)
	for _, p := range []string{path, path + ".1"} {
		if info, err := os.Stat(p); err != nil || info.Size() > journalSize || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", p, info, err)
		}
	}
}

// A journal that can't be written is said once, and disturbs nothing.
func TestJournalThatCannotBeWritten(t *testing.T) {
	var out bytes.Buffer
	j := &journal{path: filepath.Join(t.TempDir(), "gone", journalName), log: slog.New(slog.NewTextHandler(&out, nil))}
	for range 3 {
		j.write(&bond.Event{Message: "m"}, 0)
	}
	if n := strings.Count(out.String(), "events are not kept"); n != 1 {
		t.Errorf("said %d times: %s", n, out.String())
	}
}

// The histories of namespaces that are gone don't gather; whatever else is in a
// directory keeps it.
func TestHistoriesArePruned(t *testing.T) {
	root := t.TempDir()
	make1 := func(n int, more ...string) string {
		dir := filepath.Join(root, fmt.Sprintf("ns-%d", n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range append([]string{journalName, logName}, more...) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Unix(int64(n)*1000, 0)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	own := make1(1)
	state, served := make1(2, "state.json"), make1(3, "lock", "control.sock")
	var gone []string
	for n := range histories + 5 {
		gone = append(gone, make1(10+n))
	}
	pruneHistories(root, own)
	for _, dir := range append([]string{own, state, served}, gone[5:]...) {
		if _, err := os.Stat(filepath.Join(dir, journalName)); err != nil {
			t.Errorf("%s is gone: %v", dir, err)
		}
	}
	for _, dir := range gone[:5] {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is kept", dir)
		}
	}
}
