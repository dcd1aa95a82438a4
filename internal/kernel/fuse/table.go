package fuse

import (
	"os"
	"path/filepath"
	"strings"
)

// mountedHere reports whether a tree of ours is mounted at dir, and alive.
func mountedHere(dir string) (bool, error) {
	if at, err := filepath.EvalSymlinks(dir); err == nil {
		dir = at
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	ours := false
	for line := range strings.Lines(string(table)) {
		mount, super, _ := strings.Cut(line, " - ")
		where, what := strings.Fields(mount), strings.Fields(super)
		if len(where) > 4 && len(what) > 0 && unescape.Replace(where[4]) == dir {
			ours = what[0] == "fuse."+source // the last one at a place is the one that is seen
		}
	}
	return ours, nil
}

// unescape undoes the table's way to write blanks.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
