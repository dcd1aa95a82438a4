package daemon

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/tapbond/tapbond/internal/rundir"
)

// logName is the log of a daemon that a command started, beside its socket.
const logName = "daemon.log"

// logSize is where a log is put aside as FILE.1 and begun anew.
const logSize = 1 << 20

// LogFile is a log that can't grow without bound.
type LogFile struct {
	path  string
	limit int64
	mu    sync.Mutex
	file  *os.File
	size  int64
}

// OpenLog opens a log file to append to.
func OpenLog(path string) (*LogFile, error) { return openBounded(path, logSize) }

// openBounded opens a file to append to that is put aside at limit.
func openBounded(path string, limit int64) (*LogFile, error) {
	l := &LogFile{path: path, limit: limit}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *LogFile) open() (err error) {
	const flags = os.O_CREATE | os.O_APPEND | os.O_WRONLY
	if filepath.Base(l.path) == logName {
		l.file, err = rundir.Open(l.path, flags) // in the run folder
	} else {
		l.file, err = os.OpenFile(l.path, flags, 0o600)
	}
	if err != nil {
		return err
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	l.size = info.Size()
	return nil
}

// Write implements io.Writer.
func (l *LogFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := os.Lstat(l.path); err != nil { // removed: the next lines go to a new one
		before := l.file
		if l.open() == nil {
			before.Close()
		} else {
			l.file = before
		}
	}
	if l.size+int64(len(p)) > l.limit {
		l.file.Close()
		_ = os.Rename(l.path, l.path+".1")
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// Close closes the file.
func (l *LogFile) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.Close()
}
