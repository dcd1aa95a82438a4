package modconf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// oldFiles came before the directories and are still written by old recipes; they
// are read first, so that what stands in a directory counts.
var oldFiles = []string{"etc/modules.conf", "etc/modprobe.conf"}

// modprobeDirs are modprobe's, the first one strongest.
var modprobeDirs = []string{"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"}

// Read reads the configuration under root, "" or "/" for the machine's own: the
// old files, then every *.conf in the directories by name, one in an earlier
// directory in place of those of its name in later ones; and what is loaded at
// boot. What isn't there isn't missed. An error is an *Error or tells the file.
func Read(root string) (*Config, error) { return readRoot(root, false) }

// ReadOld is Read for files of the time when modprobe read every file in its folder:
// those about bonding whose names don't end in .conf count, too.
func ReadOld(root string) (*Config, error) { return readRoot(root, true) }

func readRoot(root string, old bool) (*Config, error) {
	if root == "" {
		root = "/"
	}
	files, err := list(root, modprobeDirs)
	if err != nil {
		return nil, err
	}
	loose := aboutBonding(oldNames(root))
	if old {
		files = slices.Concat(files[:len(oldFiles)], loose, files[len(oldFiles):])
	}
	c, err := readFiles(files)
	if err != nil {
		return nil, err
	}
	for _, file := range loose {
		text := "is not read: its name doesn't end in .conf"
		if old {
			text = "is read, as older tools did, though its name doesn't end in .conf"
		}
		c.notes = append(c.notes, Note{File: file, Text: text})
	}
	return c, c.readBoot(root)
}

// ReadPath reads one file, or the *.conf of one directory, and nothing else, as
// modprobe -C does.
func ReadPath(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readFiles([]string{path})
	}
	files, err := filepath.Glob(filepath.Join(path, "*.conf"))
	if err != nil {
		return nil, err
	}
	return readFiles(files)
}

func readFiles(files []string) (*Config, error) {
	var lines []line
	for _, file := range files {
		data, err := read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a link to nowhere, or gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, split(file, string(data))...)
	}
	return parse(lines)
}

// list returns the files that count, in order.
func list(root string, dirs []string) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range dirs {
		dir = filepath.Join(root, dir)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if _, stronger := byName[e.Name()]; !stronger && !e.IsDir() && strings.HasSuffix(e.Name(), ".conf") {
				byName[e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	var files []string
	for _, name := range oldFiles {
		files = append(files, filepath.Join(root, name))
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		files = append(files, byName[name])
	}
	return files, nil
}

// oldNames are the files in /etc/modprobe.d that older tools read, too: without an
// ending, and those in the folder arch.
func oldNames(root string) []string {
	var out []string
	for _, dir := range []string{"etc/modprobe.d", "etc/modprobe.d/arch"} {
		dir = filepath.Join(root, dir)
		entries, _ := os.ReadDir(dir) // one that isn't there has none; the first was read already
		for _, e := range entries {
			if !e.IsDir() && !strings.ContainsAny(e.Name(), ".~#") {
				out = append(out, filepath.Join(dir, e.Name()))
			}
		}
	}
	return out
}

// aboutBonding are those of the files that have a word on the module.
func aboutBonding(files []string) []string {
	return slices.DeleteFunc(files, func(file string) bool {
		data, err := read(file)
		return err != nil || !strings.Contains(string(data), Module)
	})
}

// maxSize bounds a file: nobody writes a megabyte of options.
const maxSize = 1 << 20

// read returns a file's octets. What is no file, such as /dev/null in place of one
// that is to be hidden, has none: nobody must wait for a pipe.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, nil
	case info.Size() > maxSize:
		return nil, fmt.Errorf("%s: %d octets are too many", path, info.Size())
	}
	return os.ReadFile(path)
}
