package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// What a daemon leaves to be read: its journal, and its log if it has one of its
// own. They stay in the namespace's directory, and those of namespaces that are no
// more must not gather.

// historyFiles are their names.
var historyFiles = []string{journalName, journalName + ".1", logName, logName + ".1"}

// histories is how many directories with nothing but history are kept.
const histories = 16

// ForgetHistory removes what daemons left in dir, and dir if nothing else is there.
func ForgetHistory(dir string) {
	for _, name := range historyFiles {
		_ = os.Remove(filepath.Join(dir, name))
	}
	_ = os.Remove(dir)
}

// pruneHistories removes the oldest histories under root, but not that in own.
func pruneHistories(root, own string) {
	dirs, _ := filepath.Glob(filepath.Join(root, "ns-*"))
	type history struct {
		dir  string
		last time.Time
	}
	var all []history
	for _, dir := range dirs {
		if last, only := onlyHistory(dir); only && dir != own {
			all = append(all, history{dir, last})
		}
	}
	slices.SortFunc(all, func(a, b history) int { return b.last.Compare(a.last) })
	for i := histories; i < len(all); i++ {
		ForgetHistory(all[i].dir)
	}
}

// onlyHistory reports whether there is nothing else in dir, and when the last of
// it was written. A directory without anything may be one that a daemon is
// beginning in.
func onlyHistory(dir string) (last time.Time, only bool) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return last, false
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !slices.Contains(historyFiles, e.Name()) {
			return last, false
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, true
}
