package ifcfg

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// filePrefix is how the files are called.
const filePrefix = "ifcfg-"

// maxFile bounds a file, in octets: they have some dozen lines.
const maxFile = 64 << 10

// leftovers are the ends of names of files that editors, packages and people
// leave behind.
var leftovers = []string{
	"~", ".bak", ".backup", ".old", ".orig", ".save", ".swp", ".tmp", ".rpmnew", ".rpmorig", ".rpmsave",
	".dpkg-old", ".dpkg-new", ".dpkg-dist", ".dpkg-bak", ".ucf-dist", ",v", ".disabled", ".off",
}

// counts reports whether a file of that name is one to read.
func counts(name string) bool {
	rest, ok := strings.CutPrefix(name, filePrefix)
	if !ok || rest == "" || rest == "lo" || strings.HasPrefix(rest, ".") {
		return false
	}
	for _, end := range leftovers {
		if strings.HasSuffix(rest, end) {
			return false
		}
	}
	return true
}

// readDir reads every file of the folder that counts. dir is its name, for
// messages.
func readDir(fsys fs.FS, dir string) ([]*File, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, cause(err)) // the errno, which says fs.ErrNotExist
	}
	var files []*File
	for _, e := range entries {
		if !counts(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		data, err := readFile(fsys, e.Name())
		switch {
		case errors.Is(err, errNoFile):
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, cause(err))
		}
		files = append(files, parseFile(path, strings.TrimPrefix(e.Name(), filePrefix), data))
	}
	return files, nil
}

var errNoFile = errors.New("is no regular file")

func readFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name) // before opening, which waits if it is a pipe
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	case info.Size() > maxFile:
		return nil, errors.New("is too large to be an interface file")
	}
	r, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxFile))
}

// cause leaves out the operation and the path, which the message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
