// Package statefile keeps what must outlive a process on disk: the records of
// the bonds of one network namespace, in two equal copies, and the parameters of
// the module, each file with its version and a checksum. A copy that is broken is
// reported and set aside, never overwritten and never fatal.
package statefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/rundir"
)

// version of the format that is written. Files of one version before and after it
// are read: a new version may add to a record, and gives nothing in it another
// meaning. Other files are left alone.
const version = 1

// VersionError says that a file is of a version that this program can't read. It is
// not touched: the program that wrote it can.
type VersionError struct {
	Path    string
	Version int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("state file %s: version %d, this program reads %d to %d: run the tapbond that wrote it, "+
		"or give up what it tells of with tapbond cleanup --force --all", e.Path, e.Version, version-1, version+1)
}

// names of the copies; the second is read where the first can't be.
var names = []string{"state.json", "state.copy.json"}

// maxSize bounds what is read: a thousand slaves need a tenth of it.
const maxSize = 4 << 20

// envelope is a file: the sum is that of State's bytes as they stand there.
type envelope struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	Boot    string          `json:"boot"` // interface indexes mean nothing after another boot
	SHA256  string          `json:"sha256"`
	State   json.RawMessage `json:"state"`
}

const (
	formats = "tapbond "
	format  = formats + "state"
)

// Store is the state of one namespace. It is a bond.Store.
type Store struct {
	dir  string
	last []byte
}

// Open returns the Store in a directory, which need not exist yet.
func Open(dir string) *Store { return &Store{dir: dir} }

// Exists reports whether a state was left in dir: a process that ends in
// order, with its bonds undone, leaves none.
func Exists(dir string) bool {
	for _, n := range append(names[:len(names):len(names)], moduleName) {
		if _, err := os.Stat(filepath.Join(dir, n)); err == nil {
			return true
		}
	}
	return false
}

// Save implements bond.Store. Without records there is no file.
func (s *Store) Save(records []bond.Record) error {
	if len(records) == 0 {
		s.last = nil
		return s.remove()
	}
	data, err := encode(format, records)
	if err != nil || bytes.Equal(data, s.last) && s.there() {
		return err
	}
	s.last = nil // if this fails, the next one writes whatever it is asked to
	for _, n := range names {
		if err := replace(filepath.Join(s.dir, n), data); err != nil {
			return err
		}
	}
	s.last = data
	return nil
}

func (s *Store) remove() error {
	var errs []error
	for _, n := range names {
		if err := os.Remove(filepath.Join(s.dir, n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// replace writes beside the file and renames: a reader sees the old or the new
// one, whatever kills us in between.
func replace(path string, data []byte) error {
	tmp := path + ".new"
	err := write(tmp, data)
	if errors.Is(err, os.ErrNotExist) { // the folder was removed
		if err = rundir.Make(filepath.Dir(path)); err == nil {
			err = write(tmp, data)
		}
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // a full disk has no room for half a file
	}
	return err
}

// write writes a new file in place of one that is left.
func write(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := rundir.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// there reports whether the copies are still there.
func (s *Store) there() bool {
	for _, n := range names {
		if _, err := os.Lstat(filepath.Join(s.dir, n)); err != nil {
			return false
		}
	}
	return true
}

// Load returns the records that were saved last. The error tells of a copy
// that can't be read; it has been set aside under the name the error gives. If
// the other copy is good its records are returned beside the error. If it is a
// VersionError nothing was done and nothing may be saved.
func (s *Store) Load() ([]bond.Record, error) {
	if err := s.foreign(); err != nil {
		return nil, err
	}
	var errs []error
	var found []bond.Record
	ok := false
	for _, n := range names {
		path := filepath.Join(s.dir, n)
		data, err := read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var records []bond.Record
		if err == nil {
			records, err = decode(data)
		}
		if err != nil {
			errs = append(errs, setAside(path, err))
			continue
		}
		if !ok {
			found, ok = records, true
		}
	}
	return found, errors.Join(errs...)
}

// foreign returns a VersionError if a file of the state is of such a version.
func (s *Store) foreign() error {
	for _, n := range append(names[:len(names):len(names)], moduleName) {
		path := filepath.Join(s.dir, n)
		data, err := read(path)
		var e envelope
		if err != nil || json.Unmarshal(data, &e) != nil || !strings.HasPrefix(e.Format, formats) {
			continue
		}
		if e.Version < version-1 || e.Version > version+1 {
			return &VersionError{path, e.Version}
		}
	}
	return nil
}

// GiveUp sets every file of the state aside, whatever is in it.
func (s *Store) GiveUp() error {
	var errs []error
	for _, n := range append(names[:len(names):len(names)], moduleName) {
		path := filepath.Join(s.dir, n)
		if _, err := os.Lstat(path); err == nil {
			errs = append(errs, setAside(path, errors.New("given up")))
		}
	}
	s.last = nil
	return errors.Join(errs...)
}

func read(path string) ([]byte, error) {
	f, err := rundir.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSize {
		return nil, fmt.Errorf("%d bytes are too many", info.Size())
	}
	return io.ReadAll(f)
}

// setAside renames a broken file so that nothing overwrites it.
func setAside(path string, why error) error {
	for i := range 100 {
		aside := fmt.Sprintf("%s.broken.%d", path, i)
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		if err := os.Rename(path, aside); err != nil {
			return fmt.Errorf("state file %s: %w; it can't be set aside: %w", path, why, err)
		}
		return fmt.Errorf("state file %s: %w; kept as %s", path, why, filepath.Base(aside))
	}
	return fmt.Errorf("state file %s: %w; too many are set aside already", path, why)
}

func encode(format string, content any) ([]byte, error) {
	state, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(state)
	data, err := json.Marshal(envelope{format, version, bootID(), hex.EncodeToString(sum[:]), state})
	return append(data, '\n'), err
}

func decode(data []byte) ([]bond.Record, error) {
	var records []bond.Record
	return records, open(format, data, &records)
}

// open reads what encode wrote.
func open(format string, data []byte, into any) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("truncated or corrupted: %w", err)
	}
	if e.Format != format {
		return errors.New("not a state file")
	}
	if e.Version < version-1 || e.Version > version+1 {
		return fmt.Errorf("version %d", e.Version) // see foreign
	}
	if e.Boot != bootID() {
		return errors.New("from before the last boot")
	}
	sum := sha256.Sum256(e.State)
	if e.SHA256 != hex.EncodeToString(sum[:]) {
		return errors.New("corrupted: the checksum differs")
	}
	if err := json.Unmarshal(e.State, into); err != nil {
		return fmt.Errorf("corrupted: %w", err)
	}
	return nil
}

// bootID is the kernel's name for this boot, empty where it tells none.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}
