package control

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/tapbond/tapbond/internal/lockfile"
)

// locks exclude a second daemon: one that keeps its files in the same folder, and
// one in the same network namespace.
type locks struct {
	file    *os.File
	ns      *lockfile.Namespace // nil if somebody without rights holds it
	warning error
}

func takeLocks(dir string) (*locks, error) {
	file, err := waitLock(dir)
	if err != nil {
		return nil, err
	}
	l := &locks{file: file}
	if l.ns, l.warning, err = waitNamespace(dir); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close gives the locks up and removes the folder if nothing else is in it.
func (l *locks) Close() error {
	_ = os.Remove(l.file.Name())
	_ = os.Remove(filepath.Dir(l.file.Name()))
	var err error
	if l.ns != nil {
		err = l.ns.Close()
	}
	return errors.Join(err, l.file.Close())
}
