package statefile

import (
	"os"
	"path/filepath"
	"time"

	"github.com/tapbond/tapbond/bond"
)

// Peek returns the records in dir and when they were saved, for reading beside
// the process that keeps them. A copy that cannot be read is passed over.
func Peek(dir string) (records []bond.Record, saved time.Time) {
	for _, n := range names {
		path := filepath.Join(dir, n)
		data, err := read(path)
		if err != nil {
			continue
		}
		if records, err = decode(data); err != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			saved = info.ModTime()
		}
		return records, saved
	}
	return nil, time.Time{}
}
