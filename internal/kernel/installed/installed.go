// Package installed finds the system's own program of a name that this one
// stands in for.
package installed

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Find returns the installed program NAME: the first one in PATH, and then in
// the usual places, that isn't this program. Folders of PATH that depend on where
// somebody stands don't count: what lies there need not be the system's.
func Find(name string) (string, error) {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin", "/usr/bin", "/bin")
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || !filepath.IsAbs(path) || info.IsDir() || info.Mode()&0o111 == 0 || os.SameFile(self, info) || wraps(path) {
			continue
		}
		return path, nil
	}
	return "", fmt.Errorf("the %s command is not installed", name)
}

// wraps: a script is somebody's wrapper, perhaps around us; the real one is a
// program.
func wraps(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [2]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[:]) == "#!"
}
