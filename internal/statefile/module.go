package statefile

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/tapbond/tapbond/bond"
)

// moduleName is the file of the loaded module. One copy: without it the bonds
// are all there, only those made later have other defaults.
const moduleName = "module.json"

const moduleFormat = formats + "module"

// SaveModule implements bond.Store. With nil there is no file.
func (s *Store) SaveModule(r *bond.ModuleRecord) error {
	path := filepath.Join(s.dir, moduleName)
	if r == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := encode(moduleFormat, r)
	if err != nil {
		return err
	}
	return replace(path, data)
}

// Module returns the module that was saved last, nil if none was. A file that
// can't be read has been set aside, and the error says so.
func (s *Store) Module() (*bond.ModuleRecord, error) {
	if err := s.foreign(); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, moduleName)
	data, err := read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	r := &bond.ModuleRecord{}
	if err == nil {
		err = open(moduleFormat, data, r)
	}
	if err != nil {
		return nil, setAside(path, err)
	}
	return r, nil
}
