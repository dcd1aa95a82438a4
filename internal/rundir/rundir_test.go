package rundir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestMake(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, mask := range []int{0o077, 0} {
		unix.Umask(mask)
		must(t, Make(dir))
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v %v", d, info.Mode(), err)
		}
	}
}

// A folder that somebody else has made, or could change, is not used.
func TestWhoseFolder(t *testing.T) {
	labtest.NeedRoot(t)
	const nobody = 65534
	for what, c := range map[string]struct {
		prepare func(top, dir string) error
		want    string // nothing: it is used
	}{
		"ours":           {func(_, dir string) error { return Make(dir) }, ""},
		"another user's": {func(_, dir string) error { return errors.Join(os.MkdirAll(dir, 0o755), os.Chown(dir, nobody, 0)) }, "belongs to user"},
		"writable":       {func(_, dir string) error { return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o777)) }, "written to by others"},
		"a group's":      {func(_, dir string) error { return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o775)) }, "written to by others"},
		"a link": {func(top, dir string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(dir), 0o755), os.Symlink(top, dir))
		}, "is a link"},
		"a dangling link": {func(_, dir string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(dir), 0o755), os.Symlink("/nowhere", dir))
		}, "is a link"},
		"a file": {func(_, dir string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(dir), 0o755), os.WriteFile(dir, nil, 0o600))
		}, "is no folder"},
		"in another user's": {func(_, dir string) error {
			return errors.Join(os.MkdirAll(dir, 0o755), os.Chown(filepath.Dir(dir), nobody, 0))
		}, "could put another folder"},
		"in everybody's": {func(_, dir string) error {
			return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o777))
		}, "written to by others"},
		"in everybody's, sticky": {func(_, dir string) error {
			return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o777|os.ModeSticky))
		}, ""},
		"below a link of ours": {func(top, dir string) error {
			return errors.Join(os.MkdirAll(top+"/real/b", 0o755), os.Symlink("real", filepath.Dir(dir)))
		}, ""},
		"below another user's link": {func(top, dir string) error {
			return errors.Join(os.MkdirAll(top+"/real/b", 0o755), os.Symlink("real", filepath.Dir(dir)), os.Lchown(filepath.Dir(dir), nobody, 0))
		}, "belongs to user"},
		"below a link to another user's": {func(top, dir string) error {
			return errors.Join(os.MkdirAll(top+"/real/b", 0o755), os.Chown(top+"/real", nobody, 0), os.Symlink("real", filepath.Dir(dir)))
		}, "belongs to user"},
	} {
		top := t.TempDir()
		dir := filepath.Join(top, "a", "b")
		must(t, c.prepare(top, dir))
		for how, err := range map[string]error{"make": Make(dir), "check": Check(dir)} {
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s, %s: %v", what, how, err)
			}
		}
	}
}

// What is planted where a file is to be is neither followed nor overwritten.
func TestPlantedFiles(t *testing.T) {
	labtest.NeedRoot(t)
	for what, plant := range map[string]func(path, victim string) error{
		"link":      func(path, victim string) error { return os.Symlink(victim, path) },
		"hard link": func(path, victim string) error { return os.Link(victim, path) },
		"pipe":      func(path, _ string) error { return unix.Mkfifo(path, 0o666) },
		"folder":    func(path, _ string) error { return os.Mkdir(path, 0o777) },
		"anybody's own": func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o666), os.Chown(path, 65534, 0))
		},
	} {
		dir := t.TempDir()
		path, victim := filepath.Join(dir, "file"), filepath.Join(dir, "victim")
		must(t, os.WriteFile(victim, []byte("precious"), 0o600), plant(path, victim))
		if f, err := Create(path); err == nil {
			t.Errorf("%s: created %s", what, f.Name())
		}
		for _, flags := range []int{os.O_RDONLY, os.O_CREATE | os.O_WRONLY | os.O_APPEND} {
			if f, err := Open(path, flags); err == nil {
				t.Errorf("%s: opened %s", what, f.Name())
			}
		}
		if text, _ := os.ReadFile(victim); string(text) != "precious" {
			t.Errorf("%s: %q", what, text)
		}
	}
}
