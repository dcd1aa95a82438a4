package installed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// name is of a program that no machine has.
const name = "tapbond-test-frobnicate"

// self is the program that runs: the test.
func self(t *testing.T) (path string, text []byte) {
	t.Helper()
	path, err := os.Executable()
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, text
}

func TestFindTakesWhatIsInstalled(t *testing.T) {
	own, text := self(t)
	write := func(text string, mode os.FileMode) func(string) error {
		return func(p string) error { return os.WriteFile(p, []byte(text), mode) }
	}
	for what, c := range map[string]struct {
		make  func(path string) error
		taken bool
	}{
		"a program":                        {write("\x7fELF", 0o755), true},
		"a script":                         {write("#!/bin/sh\nexit 0\n", 0o755), true},
		"an empty file":                    {write("", 0o755), true},
		"a link to another program":        {func(p string) error { return os.Symlink("/bin/sh", p) }, true},
		"what may not be run":              {write("\x7fELF", 0o644), false},
		"a script that may not be run":     {write("#!/bin/sh\n", 0o644), false},
		"a folder":                         {func(p string) error { return os.Mkdir(p, 0o755) }, false},
		"a pipe":                           {func(p string) error { return unix.Mkfifo(p, 0o755) }, false},
		"a link that leads nowhere":        {func(p string) error { return os.Symlink("nowhere", p) }, false},
		"a link to itself":                 {func(p string) error { return os.Symlink(p, p) }, false},
		"a link to ourselves":              {func(p string) error { return os.Symlink(own, p) }, false},
		"a link to a link to ourselves":    {func(p string) error { return links(p, own) }, false},
		"a copy of ourselves":              {write(string(text), 0o755), false},
		"another version of ourselves":     {write(string(text)+"\n", 0o755), false},
		"a script that speaks of our name": {write("#!/bin/sh\nexec tapbond ip \"$@\"\n", 0o755), true},
	} {
		t.Run(what, func(t *testing.T) {
			first, then := t.TempDir(), t.TempDir()
			if err := c.make(filepath.Join(first, name)); err != nil {
				t.Fatal(err)
			}
			behind := filepath.Join(then, name)
			if err := write("#!/bin/sh\n", 0o755)(behind); err != nil {
				t.Fatal(err)
			}
			want := behind
			if c.taken {
				want = filepath.Join(first, name)
			}
			t.Setenv("PATH", first+":"+then)
			if got, err := Find(name); err != nil || got != want {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		})
	}
}

// links makes a link to a link.
func links(path, to string) error {
	between := path + ".too"
	if err := os.Symlink(to, between); err != nil {
		return err
	}
	return os.Symlink(between, path)
}

// Where somebody stands, nothing is the system's.
func TestFindLooksInFixedPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for list, want := range map[string]string{dir: path, "": "", ".": "", ":": "", "./": "", ".:" + dir: path} {
		t.Setenv("PATH", list)
		got, err := Find(name)
		if got != want {
			t.Errorf("PATH=%q: %q, want %q", list, got, want)
		}
		if want == "" && (err == nil || err.Error() != "the "+name+" command is not installed") {
			t.Errorf("PATH=%q: %v", list, err)
		}
	}
	// A user's PATH need not lead to root's programs.
	t.Setenv("PATH", "")
	if got, err := Find("sh"); err != nil || !strings.HasSuffix(got, "/bin/sh") {
		t.Errorf("sh: %q, %v", got, err)
	}
}

// What was handed on and comes back doesn't go round: a script is passed over, a
// program given up after a while.
func TestFindEnds(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	script, program := filepath.Join(dirs[0], name), filepath.Join(dirs[1], name)
	for path, text := range map[string]string{script: "#!/bin/sh\nexec tapbond ip \"$@\"\n", program: "\x7fELF"} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", strings.Join(dirs, ":"))
	var got []string
	for range 2 + maxHanded {
		path, err := Find(name)
		if err != nil {
			if want := program + " calls itself"; err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			break
		}
		got = append(got, path)
		env := Environ(path)
		i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, handedVar+"=") })
		if i != len(env)-1 {
			t.Fatalf("the environment has it as number %d of %d", i, len(env))
		}
		t.Setenv(handedVar, strings.TrimPrefix(env[i], handedVar+"="))
	}
	want := append([]string{script}, slices.Repeat([]string{program}, maxHanded)...)
	if !slices.Equal(got, want) {
		t.Errorf("found in turn %q, want %q", got, want)
	}
	// Other names are not concerned.
	if _, err := Find("sh"); err != nil {
		t.Error(err)
	}
}
