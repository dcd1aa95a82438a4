package daemon

import (
	"os"
	"path/filepath"
	"sync"
)

// logName is the log of a daemon that a command started, beside its socket.
const logName = "daemon.log"

// logSize is where a log is put aside as FILE.1 and begun anew.
const logSize = 1 << 20

// LogFile is a log that can't grow without bound.
type LogFile struct {
	path string
	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenLog opens a log file to append to.
func OpenLog(path string) (*LogFile, error) {
	l := &LogFile{path: path}
	return l, l.open()
}

func (l *LogFile) open() (err error) {
	if l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
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
	if l.size+int64(len(p)) > logSize {
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

// Remove closes the log and removes it: for an end in order, of which nothing
// needs to be told.
func (l *LogFile) Remove() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.Close()
	removeLog(l.path)
}

// RemoveLog removes the log of a daemon that is no more.
func RemoveLog(dir string) { removeLog(filepath.Join(dir, logName)) }

// removeLog removes a log, and its folder if nothing else is there.
func removeLog(path string) {
	_ = os.Remove(path)
	_ = os.Remove(path + ".1")
	_ = os.Remove(filepath.Dir(path))
}
