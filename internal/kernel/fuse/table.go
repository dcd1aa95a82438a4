package fuse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// entry is a line of the table of mounts.
type entry struct {
	device string // major:minor
	where  string
	kind   string
}

// table is what is mounted in this process' mount namespace, the last one at a
// place being the one that is seen.
func table() ([]entry, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseTable(string(text)), nil
}

// parseTable reads lines such as "36 35 98:0 / /mnt rw - ext3 /dev/root rw".
func parseTable(text string) []entry {
	var all []entry
	for line := range strings.Lines(text) {
		mount, super, _ := strings.Cut(line, " - ")
		m, s := strings.Fields(mount), strings.Fields(super)
		if len(m) > 4 && len(s) > 0 {
			all = append(all, entry{m[2], unescape.Replace(m[4]), s[0]})
		}
	}
	return all
}

// unescape undoes the table's way to write blanks.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountedHere reports whether a tree of ours is mounted at dir.
func mountedHere(dir string) (bool, error) {
	if at, err := filepath.EvalSymlinks(dir); err == nil {
		dir = at
	}
	entries, err := table()
	ours := false
	for _, e := range entries {
		if e.where == dir {
			ours = e.kind == "fuse."+source
		}
	}
	return ours, err
}

// isMounted reports whether the file system is mounted anywhere.
func isMounted(dev uint64) (bool, error) {
	entries, err := table()
	for _, e := range entries {
		if e.device == fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) {
			return true, nil
		}
	}
	return false, err
}
