package modconf

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// root writes files, by their paths under it.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func conf(t *testing.T, files map[string]string) (*Config, string) {
	t.Helper()
	dir := root(t, files)
	c, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// show prints options as "name=value file:line", files relative to dir.
func show(dir string, options []Option) (out []string) {
	for _, o := range options {
		out = append(out, o.Name+"="+o.Value+" "+strings.TrimPrefix(o.At(), dir+"/"))
	}
	return out
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestOptionsOfModuleThenOfBond(t *testing.T) {
	c, dir := conf(t, map[string]string{
		"etc/modprobe.d/bonding.conf": "alias bond0 bonding\noptions bond0 miimon=100 mode=1\noptions bonding max_bonds=2 miimon=50\n",
	})
	want(t, "aliases", c.Aliases(), "bond0")
	want(t, "bond0", show(dir, c.Options("bond0")),
		"max_bonds=2 etc/modprobe.d/bonding.conf:3", "miimon=50 etc/modprobe.d/bonding.conf:3",
		"miimon=100 etc/modprobe.d/bonding.conf:2", "mode=1 etc/modprobe.d/bonding.conf:2")
	for _, module := range []string{"", "bonding"} {
		want(t, "module", show(dir, c.Options(module)),
			"max_bonds=2 etc/modprobe.d/bonding.conf:3", "miimon=50 etc/modprobe.d/bonding.conf:3")
	}
	want(t, "bond1", show(dir, c.Options("bond1")), show(dir, c.Options(""))...)
}

// Two options lines of one name add up, as for modprobe.
func TestOptionsLinesAddUp(t *testing.T) {
	c, dir := conf(t, map[string]string{
		"etc/modprobe.conf":     "alias bond0 bonding\noptions bond0 mode=0\n",
		"etc/modprobe.d/a.conf": "options bond0 mode=1\n",
	})
	want(t, "bond0", show(dir, c.Options("bond0")), "mode=0 etc/modprobe.conf:2", "mode=1 etc/modprobe.d/a.conf:1")
}

func TestPrecedenceOfDirectories(t *testing.T) {
	const one = "options bonding miimon="
	c, dir := conf(t, map[string]string{
		"lib/modprobe.d/z.conf":           one + "1",
		"lib/modprobe.d/both.conf":        one + "2",
		"usr/lib/modprobe.d/both.conf":    one + "3",
		"run/modprobe.d/both.conf":        one + "4",
		"etc/modprobe.d/m.conf":           one + "5",
		"usr/local/lib/modprobe.d/a.conf": one + "6",
		"etc/modprobe.d/bonding":          one + "7", // not *.conf
		"etc/modprobe.d/bonding.conf.bak": one + "8",
		"etc/modprobe.d/dir.conf/x.conf":  one + "9",
	})
	want(t, "options", show(dir, c.Options("")),
		"miimon=6 usr/local/lib/modprobe.d/a.conf:1", "miimon=4 run/modprobe.d/both.conf:1",
		"miimon=5 etc/modprobe.d/m.conf:1", "miimon=1 lib/modprobe.d/z.conf:1")
}

// systemd's own file means bonds that are made over netlink.
func TestSystemdsGuard(t *testing.T) {
	const line = "options bonding max_bonds=0\n"
	c, dir := conf(t, map[string]string{"usr/lib/modprobe.d/systemd.conf": line, "lib/modprobe.d/other.conf": line})
	want(t, "options", show(dir, c.Options("")), "max_bonds=0 lib/modprobe.d/other.conf:1")
	if n := c.Notes(); len(n) != 1 || !strings.HasPrefix(n[0].Text, "max_bonds=0 is not followed") {
		t.Errorf("notes: %v", n)
	}
	c, dir = conf(t, map[string]string{"usr/lib/modprobe.d/systemd.conf": line, "etc/modprobe.d/systemd.conf": line})
	want(t, "options", show(dir, c.Options("")), "max_bonds=0 etc/modprobe.d/systemd.conf:1")
}

// A link to /dev/null hides the file of its name in later directories.
func TestMaskedFile(t *testing.T) {
	dir := root(t, map[string]string{"lib/modprobe.d/x.conf": "options bonding mode=1\n", "etc/modprobe.d/other.conf": ""})
	if err := os.Symlink("/dev/null", filepath.Join(dir, "etc/modprobe.d/x.conf")); err != nil {
		t.Fatal(err)
	}
	c, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "options", show(dir, c.Options("")))
}

// What would be waited for, or is no configuration, isn't read.
func TestOddFiles(t *testing.T) {
	dir := root(t, map[string]string{"etc/modprobe.d/a.conf": "options bonding mode=1\n"})
	if err := unix.Mkfifo(filepath.Join(dir, "etc/modprobe.d/pipe.conf"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "etc/modprobe.d/dangling.conf")); err != nil {
		t.Fatal(err)
	}
	c, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "options", show(dir, c.Options("")), "mode=1 etc/modprobe.d/a.conf:1")
	if err := os.Truncate(filepath.Join(dir, "etc/modprobe.d/a.conf"), maxSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.HasSuffix(err.Error(), "octets are too many") {
		t.Errorf("a file that is too long: %v", err)
	}
}

func TestNothingThere(t *testing.T) {
	c, err := Read(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if c.Aliases() != nil || c.Options("bond0") != nil || c.Notes() != nil || c.Blacklisted() != nil || c.Means("bond0") || !c.Means("bonding") {
		t.Errorf("from nothing: %+v", c)
	}
}

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"continued", "options bonding mode=1 \\\n  miimon=100\\\n primary=eth0\n", []string{"mode=1 f:1", "miimon=100 f:2", "primary=eth0 f:3"}},
		{"continued at the end", "options bonding mode=1 \\", []string{"mode=1 f:1"}},
		{"comments", "# options bonding mode=1\n  # options bonding mode=2\noptions bonding mode=3\n", []string{"mode=3 f:3"}},
		{"continued comment", "# a \\\noptions bonding mode=1\noptions bonding mode=3\n", []string{"mode=3 f:3"}},
		{"carriage returns", "options bonding mode=1 \\\r\n miimon=5\r\n", []string{"mode=1 f:1", "miimon=5 f:2"}},
		{"quotes", `options bonding arp_ip_target="10.0.0.1, 10.0.0.2" "mode=1"` + "\n", []string{"arp_ip_target=10.0.0.1, 10.0.0.2 f:1", "mode=1 f:1"}},
		{"blanks", "\t options \t bonding   mode=1\t\t \n\n\n", []string{"mode=1 f:1"}},
		{"hyphens", "options bonding lacp-rate=1\n", []string{"lacp_rate=1 f:1"}},
		{"comment behind options", "options bonding mode=1 # miimon=5\n", []string{"mode=1 f:1"}},
		{"not ours", "frobnicate\noptions\nalias\noptions e1000e IntMode=1\noptions e1000e\nblacklist pcspkr\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, dir := conf(t, map[string]string{"etc/modprobe.d/f.conf": tt.text})
			got := show(dir, c.Options(""))
			for i := range got {
				got[i] = strings.Replace(got[i], "etc/modprobe.d/f.conf", "f", 1)
			}
			want(t, "options", got, tt.want...)
		})
	}
}

func TestAliases(t *testing.T) {
	c, _ := conf(t, map[string]string{"etc/modprobe.d/f.conf": `
alias netdev-bond0 bonding
alias bond0 bonding
alias bond-2 bonding
alias team* bonding
alias eth0 e1000
`})
	want(t, "aliases", c.Aliases(), "bond0", "bond-2")
	means := map[string]bool{"bond0": true, "netdev-bond0": true, "bond_2": true, "team7": true, "bonding": true, "eth0": false, "bond1": false, "e1000": false}
	for _, name := range slices.Sorted(maps.Keys(means)) {
		if got := c.Means(name); got != means[name] {
			t.Errorf("Means(%s) = %v", name, got)
		}
	}
}

// The old way to a second bond with parameters of its own.
func TestInstallWithModprobe(t *testing.T) {
	c, dir := conf(t, map[string]string{"etc/modprobe.conf": `alias bond0 bonding
options bond0 mode=0 miimon=100
install bond1 /sbin/modprobe --ignore-install bonding -o bond1 mode=6 miimon=50
`})
	want(t, "aliases", c.Aliases(), "bond0", "bond1")
	want(t, "bond1", show(dir, c.Options("bond1")), "mode=6 etc/modprobe.conf:3", "miimon=50 etc/modprobe.conf:3")
	want(t, "bond0", show(dir, c.Options("bond0")), "mode=0 etc/modprobe.conf:2", "miimon=100 etc/modprobe.conf:2")
}

// What else such a line does is not done, and told.
func TestInstallWithMore(t *testing.T) {
	c, _ := conf(t, map[string]string{"etc/modprobe.conf": `install bond0 /sbin/modprobe -a eth0 eth1 && /sbin/modprobe bonding
install sound /sbin/modprobe snd && echo bonding
options bond0 mode=1
`})
	want(t, "aliases", c.Aliases(), "bond0")
	if o := c.Options("bond0"); len(o) != 1 || o[0].Value != "1" {
		t.Errorf("options: %v", o)
	}
	if n := c.Notes(); len(n) != 1 || n[0].Line != 1 {
		t.Errorf("notes: %v", n)
	}
}

func TestNotes(t *testing.T) {
	c, dir := conf(t, map[string]string{"etc/modprobe.d/f.conf": `include /etc/modprobe.d/
include /etc/more
alias bond0 bonding
alias bond0 off
install bonding /bin/true
install bond0 /sbin/modprobe -a eth0 eth1 && /sbin/modprobe bonding
remove bonding /bin/true
softdep bonding pre: e1000
blacklist bonding
install e1000 /bin/true
options bonding mode=1 # the usual
`})
	var got []string
	for _, n := range c.Notes() {
		got = append(got, strings.TrimPrefix(n.String(), dir+"/etc/modprobe.d/"))
	}
	want(t, "notes", got,
		"f.conf:2: include /etc/more: is not followed",
		"f.conf:4: alias bond0 off: another line makes it bonding's",
		"f.conf:5: install bonding /bin/true: bonding is not loaded by a command here",
		"f.conf:6: install bond0 /sbin/modprobe -a eth0 eth1 && /sbin/modprobe bonding: bonding is not loaded by a command here",
		"f.conf:7: remove bonding /bin/true: bonding is not removed by a command here",
		"f.conf:8: softdep bonding pre: e1000: other modules are not loaded with bonding here",
		`f.conf:11: options bonding: "#" and what follows is ignored here; modprobe would take it for options`)
	if b := c.Blacklisted(); b == nil || b.Line != 9 {
		t.Errorf("blacklist: %v", b)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"\noptions bonding\n":                       "f.conf:2: options bonding: no options follow",
		"options bonding mode = 1\n":                `f.conf:1: options bonding: "mode": want NAME=VALUE, without blanks`,
		"options bonding mode=1 \\\n miimon\n":      `f.conf:2: options bonding: "miimon": want NAME=VALUE, without blanks`,
		"options bonding =1\n":                      `f.conf:1: options bonding: "=1": want NAME=VALUE, without blanks`,
		"alias bond0 bonding\nalias bond0\n":        "f.conf:2: alias bond0: no module follows",
		"option bonding mode=1\n":                   `f.conf:1: "option" is not known to modprobe: want alias, options, install, remove, blacklist or softdep`,
		"options bond0 mode\nalias bond0 bonding\n": `f.conf:1: options bond0: "mode": want NAME=VALUE, without blanks`,
	} {
		dir := root(t, map[string]string{"etc/modprobe.d/f.conf": text})
		_, err := Read(dir)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := strings.TrimPrefix(err.Error(), dir+"/etc/modprobe.d/"); got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("alias bond0 bonding\noptions bond0 mode=1 \\\n miimon=5 # x\ninstall bond1 /sbin/modprobe bonding -o")
	f.Add("options bonding \"a=b c\" \\\r\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		lines := split("f", text)
		last := strings.Count(text, "\n") + 1
		c, err := parse(lines)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Line > last {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, o := range c.Options("bond0") {
			if o.Name == "" || o.Line < 1 || o.Line > last {
				t.Fatalf("%+v", o)
			}
		}
	})
}

// What the module is loaded with at boot counts as on modprobe's command line.
func TestBoot(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string // of bond0, or the error
	}{
		"Debian":           {map[string]string{"etc/modules": "# x\nloop\n\nbonding mode=active-backup miimon=100\n"}, "mode=active-backup miimon=100"},
		"systemd":          {map[string]string{"etc/modules-load.d/b.conf": "; x\nbonding mode=4\n"}, "mode=4"},
		"no parameters":    {map[string]string{"etc/modules": "bonding\n"}, ""},
		"behind the files": {map[string]string{"etc/modules": "bonding mode=1\n", "etc/modprobe.d/b.conf": "options bonding mode=0\noptions bond0 miimon=50\nalias bond0 bonding\n"}, "mode=0 mode=1 miimon=50"},
		"twice the same":   {map[string]string{"etc/modules": "bonding mode=1\n", "etc/modules-load.d/modules.conf": "bonding mode=1\n"}, "mode=1"},
		"twice":            {map[string]string{"etc/modules": "bonding mode=1\n", "etc/modules-load.d/z.conf": "bonding mode=2\n"}, "etc/modules-load.d/z.conf:1: bonding mode=2: etc/modules:1 loads bonding with other parameters, and it is loaded once"},
		"bad":              {map[string]string{"etc/modules": "\nbonding mode\n"}, `etc/modules:2: options bonding: "mode": want NAME=VALUE, without blanks`},
		"modutils":         {map[string]string{"etc/modules.conf": "alias bond0 bonding\noptions bond0 -o bond0 mode=1 miimon=100\nprobeall bond0 eth0 eth1 bonding\n"}, "mode=1 miimon=100"},
		"install":          {map[string]string{"etc/modprobe.d/b.conf": "install bonding /sbin/modprobe --ignore-install bonding mode=1 miimon=100 $CMDLINE_OPTS\n"}, "mode=1 miimon=100"},
		"one line":         {map[string]string{"etc/modprobe.d/b.conf": "alias bond0 bonding        options bond0 mode=4 miimon=100\n"}, "mode=4 miimon=100"},
		"install unclear":  {map[string]string{"etc/modprobe.d/b.conf": "install bonding /sbin/modprobe -i bonding mode=1; /bin/x\n"}, "etc/modprobe.d/b.conf:1: install bonding: the options of this command can't be read; put them on a line `options bonding …`"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				file := filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			conf, err := Read(root)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), root+"/", "")
			} else {
				var words []string
				for _, o := range conf.Options("bond0") {
					words = append(words, o.Name+"="+o.Value)
				}
				got = strings.Join(words, " ")
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// Names without .conf count where files of that time are read.
func TestOldNames(t *testing.T) {
	dir := root(t, map[string]string{"etc/modprobe.d/bonding": "options bonding mode=1\n", "etc/modprobe.d/arch/i386": "alias bond0 bonding\n", "etc/modprobe.d/bonding.conf.bak": "options bonding mode=2\n", "etc/modprobe.d/b.conf": "options bonding miimon=50\n"})
	for name, c := range map[string]struct {
		read func(string) (*Config, error)
		want string
	}{
		"now":  {Read, "miimon=50; etc/modprobe.d/bonding: is not read: its name doesn't end in .conf; etc/modprobe.d/arch/i386: is not read: its name doesn't end in .conf"},
		"then": {ReadOld, "mode=1 miimon=50; etc/modprobe.d/bonding: is read, as older tools did, though its name doesn't end in .conf; etc/modprobe.d/arch/i386: is read, as older tools did, though its name doesn't end in .conf"},
	} {
		conf, err := c.read(dir)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, o := range conf.Options("") {
			words = append(words, o.Name+"="+o.Value)
		}
		got := strings.Join(words, " ")
		for _, n := range conf.Notes() {
			got += "; " + n.String()
		}
		if got = strings.ReplaceAll(got, dir+"/", ""); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Large files are read in a moment.
func TestLargeFiles(t *testing.T) {
	for name, text := range map[string]string{
		"aliases":      strings.Repeat("alias bond12345 bonding\n", 40000),
		"patterns":     strings.Repeat("alias bond? bonding\n", 2000) + strings.Repeat("options x y=1\n", 2000),
		"continuation": "options bonding" + strings.Repeat(" a=1\\\n", 170000),
		"options":      strings.Repeat("options bonding a=1 b=2\n", 40000),
	} {
		t.Run(name, func(t *testing.T) {
			dir := root(t, map[string]string{"etc/modprobe.d/b.conf": text})
			begun := time.Now()
			c, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			c.Options("bond0")
			c.Aliases()
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
