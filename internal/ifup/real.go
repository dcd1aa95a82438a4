package ifup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// handedVar is set for the system's own ifup: one that turns out to be a wrapper
// around us must not go round for ever.
const handedVar = "TAPBOND_IFUP_HANDED"

// FindReal returns the system's own ifup or ifdown: the first program of that
// name in PATH, and then in the usual places, that isn't this one; of where
// somebody stands it isn't taken. "" if there is none. Unlike other commands'
// (internal/kernel/installed) it may be a script: most are.
func FindReal(name string) string {
	self, err := os.Stat("/proc/self/exe")
	if err != nil || os.Getenv(handedVar) != "" {
		return ""
	}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || !filepath.IsAbs(path) || os.SameFile(self, info) {
			continue
		}
		if path, err = exec.LookPath(path); err == nil {
			return path
		}
	}
	return ""
}

// HandOver becomes the program at path. It returns only if that fails.
func HandOver(path string, args []string) error {
	env := append(slices.Clone(os.Environ()), handedVar+"=1")
	err := unix.Exec(path, append([]string{path}, args...), env)
	return fmt.Errorf("%s: %w", path, err)
}
