package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program returns the path of a program: the installed one, or that of a Debian
// package that is unpacked to a temporary folder. It serves programs whose
// installation would change the machine, and that run from any folder. inPackage is
// the program's path in the package, "sbin/ifup".
func Program(t testing.TB, debian, inPackage string) string {
	t.Helper()
	if path, err := exec.LookPath(filepath.Base(inPackage)); err == nil {
		return path
	}
	dir := t.TempDir()
	run := func(name string, args ...string) ([]byte, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	out, err := run("apt-get", "download", "-q", debian)
	if err != nil && os.Geteuid() == 0 { // the lists may be old, or missing
		if out, err = run("apt-get", "update", "-q"); err == nil {
			out, err = run("apt-get", "download", "-q", debian)
		}
	}
	if err != nil {
		Lack(t, debian+": "+string(out))
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("%s: %d packages, %v", debian, len(debs), err)
	}
	if out, err := run("dpkg-deb", "-x", debs[0], "tree"); err != nil {
		t.Fatalf("%s: %v: %s", debian, err, out)
	}
	for _, at := range []string{inPackage, filepath.Join("usr", inPackage)} {
		if path := filepath.Join(dir, "tree", at); isFile(path) {
			return path
		}
	}
	t.Fatalf("%s has no %s", debian, inPackage)
	return ""
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
