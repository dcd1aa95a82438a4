// Package installed finds the system's own program of a name that this one
// stands in for.
package installed

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// usual are the folders looked in after those of PATH, which need not lead to
// where root's programs are.
var usual = []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"}

// Find returns the installed program NAME, by its absolute path: the first one in
// PATH, and then in the usual places, that isn't this program. A link to this
// program, a copy and another version of it don't count, nor do folders of PATH
// that depend on where somebody stands: what lies there need not be the system's.
// A script does, once: one that was handed work (Environ) and has called us again
// with it is a wrapper around us, and the real program lies behind it.
func Find(name string) (string, error) {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	handed := handedTo()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), usual...) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || !filepath.IsAbs(path) || !info.Mode().IsRegular() || os.SameFile(self, info) {
			continue
		}
		if path, err = exec.LookPath(path); err != nil || ours(path) {
			continue
		}
		switch n := handed[path]; {
		case n == 0:
		case script(path):
			continue
		case n >= maxHanded:
			return "", fmt.Errorf("%s calls itself", path)
		}
		return path, nil
	}
	return "", fmt.Errorf("the %s command is not installed", name)
}

// ours reports whether the program at path was built from what this one was.
func ours(path string) bool {
	own, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	its, err := buildinfo.ReadFile(path)
	return err == nil && its.Path == own.Path && its.Main.Path == own.Main.Path
}

// script: what begins so is another program's to run.
func script(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [2]byte
	n, _ := f.Read(head[:])
	return string(head[:n]) == "#!"
}

// handedVar has the paths of the programs that work was handed to, separated as
// in PATH, in all that runs below us: what calls us with it again must not go
// round for ever.
const handedVar = "TAPBOND_HANDED"

// maxHanded is how often one program may be handed work by what runs below it:
// `ip netns exec NS ip …` is twice.
const maxHanded = 8

func handedTo() map[string]int {
	n := map[string]int{}
	for _, path := range filepath.SplitList(os.Getenv(handedVar)) {
		n[path]++
	}
	return n
}

// Environ is the environment to run the program at path with, one that Find
// returned.
func Environ(path string) []string {
	if before := os.Getenv(handedVar); before != "" {
		path = before + string(filepath.ListSeparator) + path
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, handedVar+"=") })
	return append(env, handedVar+"="+path)
}
