package ifupdown

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// maxFile bounds a file, in bytes, maxDepth how deep files source others, maxFiles
// how often one is read: those of a folder that each source the folder would be
// read a million times before they were too deep. maxLines bounds all lines.
const (
	maxFile  = 1 << 20
	maxDepth = 8
	maxFiles = 1000
	maxLines = 10000
)

// line is one line's words; continued lines are one.
type line struct {
	words []string
	*ifcfg.Line
}

// reader gathers the lines of a file and of those it sources.
type reader struct {
	root  string // stands for / in sourced paths
	files int    // read so far
	lines []line
	all   []*ifcfg.Line // also those that source
	wrong []ifcfg.Remark
}

func (r *reader) refuse(l *ifcfg.Line, format string, args ...any) {
	l.Fate = ifcfg.Refused
	r.wrong = append(r.wrong, ifcfg.Remark{Pos: l.Pos, Text: fmt.Sprintf(format, args...)})
}

// sourced are the names that count in a sourced directory.
var sourced = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

func (r *reader) file(path string, depth int) error {
	info, err := os.Stat(path) // before opening, which waits if it is a pipe
	r.files++
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: is no file of interfaces", path)
	case info.Size() > maxFile:
		return fmt.Errorf("%s: is larger than %d bytes, which is no file of interfaces", path, maxFile)
	case depth > maxDepth:
		return fmt.Errorf("%s: files source each other too deep", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	number := 0
	for text != "" {
		start := number + 1
		var whole strings.Builder
		for more := true; more && text != ""; {
			one, rest, _ := strings.Cut(text, "\n")
			text, number = rest, number+1
			one = strings.TrimRight(one, "\r")
			comment := number == start && strings.HasPrefix(strings.TrimSpace(one), "#")
			one, more = strings.CutSuffix(one, `\`)
			more = more && !comment // which doesn't go on, whatever its end
			whole.WriteString(one)
			whole.WriteByte(' ')
		}
		words := strings.Fields(whole.String())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(r.all) >= maxLines {
			return fmt.Errorf("%s:%d: more than %d lines", path, start, maxLines)
		}
		l := line{words, &ifcfg.Line{Pos: ifcfg.Pos{File: path, Line: start}, Text: words[0]}}
		r.all = append(r.all, l.Line)
		switch words[0] {
		case "source", "source-directory", "source-dir":
			r.source(l, depth)
		default:
			r.lines = append(r.lines, l)
		}
	}
	return nil
}

// source reads other files in place of the line.
func (r *reader) source(l line, depth int) {
	l.Fate = ifcfg.Applied
	for _, pattern := range l.words[1:] {
		if filepath.IsAbs(pattern) {
			pattern = filepath.Join(r.root, pattern)
		} else {
			pattern = filepath.Join(filepath.Dir(l.File), pattern)
		}
		files, err := filepath.Glob(pattern)
		if err != nil {
			r.refuse(l.Line, "%s: %v", pattern, err)
		}
		if l.words[0] != "source" {
			files = inDirs(files)
		}
		slices.Sort(files)
		for _, f := range files {
			if r.files == maxFiles {
				r.files++ // said once
				r.refuse(l.Line, "%s: files source each other too often", f)
			}
			if r.files > maxFiles {
				return
			}
			info, err := os.Stat(f)
			if err == nil && info.IsDir() {
				continue // as for ifup
			}
			if err := r.file(f, depth+1); err != nil && !errors.Is(err, fs.ErrNotExist) {
				r.refuse(l.Line, "%s", err.Error())
			}
		}
	}
}

func inDirs(dirs []string) []string {
	var files []string
	for _, d := range dirs {
		entries, err := os.ReadDir(d)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if sourced.MatchString(e.Name()) {
				files = append(files, filepath.Join(d, e.Name()))
			}
		}
	}
	return files
}
