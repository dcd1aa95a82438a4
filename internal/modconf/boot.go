package modconf

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// bootFile is Debian's list of modules that are loaded at boot, with their
// parameters; bootDirs are systemd's.
const bootFile = "etc/modules"

var bootDirs = []string{"etc/modules-load.d", "run/modules-load.d", "usr/local/lib/modules-load.d", "usr/lib/modules-load.d", "lib/modules-load.d"}

// readBoot takes the parameters that bonding is loaded with at boot. The module
// is loaded once: the first line with parameters counts.
func (c *Config) readBoot(root string) error {
	files, err := list(root, bootDirs)
	if err != nil {
		return err
	}
	files = append([]string{filepath.Join(root, bootFile)}, files[len(oldFiles):]...)
	for _, file := range files {
		if target, err := filepath.EvalSymlinks(file); err == nil && target != file && target == filepath.Join(root, bootFile) {
			continue // as Debian has it in modules-load.d
		}
		data, err := read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for i, text := range strings.Split(string(data), "\n") {
			if err := c.bootLine(file, i+1, fields(strings.TrimSuffix(text, "\r"))); err != nil {
				return err
			}
		}
	}
	return nil
}

// bootLine reads a line like "bonding mode=1 miimon=100".
func (c *Config) bootLine(file string, number int, words []string) error {
	if len(words) < 2 || underscored(words[0]) != Module {
		return nil
	}
	l := line{file: file}
	for _, w := range words {
		l.words = append(l.words, word{w, number})
	}
	was := len(c.options)
	if err := c.addOptions(l, Module, 1); err != nil {
		return err
	}
	opts := c.options[was].options
	c.options = c.options[:was]
	switch {
	case len(opts) == 0:
	case c.boot == nil:
		c.boot = opts
	case !same(c.boot, opts):
		return bad(l, 0, "%s: %s loads bonding with other parameters, and it is loaded once", strings.Join(words, " "), c.boot[0].At())
	}
	return nil
}

func same(a, b []Option) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}
