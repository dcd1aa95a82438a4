package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/tapbond/tapbond/bond"
)

// journalName is where events are kept, one JSON object a line, beside the socket.
// It outlives the daemon, so that what happened before a crash can be read without
// one.
const journalName = "events.jsonl"

// journalSize is where a journal is put aside and begun anew.
const journalSize = 512 << 10

// journal writes events to a file, which is made with the first of them.
type journal struct {
	path   string
	log    *slog.Logger
	file   *LogFile
	failed sync.Once
}

// keepJournal writes the bus's events to the journal in dir until ctx ends.
func keepJournal(ctx context.Context, bus *bond.Bus, dir string, log *slog.Logger) {
	j := &journal{path: filepath.Join(dir, journalName), log: log}
	bus.Drain(ctx, j.write)
	if j.file != nil {
		j.file.Close()
	}
}

// entry is a line of a journal: a flapping link's events are not all there.
type entry struct {
	*bond.Event
	LeftOut int `json:"left_out,omitempty"`
}

func (j *journal) write(e *bond.Event, leftOut int) {
	line, err := json.Marshal(entry{e, leftOut})
	if err == nil && j.file == nil {
		j.file, err = openBounded(j.path, journalSize)
	}
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		j.failed.Do(func() { j.log.Warn("events are not kept: " + err.Error()) })
	}
}

// Journal returns the events that the daemons of the namespace with this directory
// kept, oldest first. Only root may read it.
func Journal(dir string) ([]bond.Event, error) {
	var out []bond.Event
	for _, name := range []string{journalName + ".1", journalName} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, journalSize)
		for lines.Scan() {
			var e bond.Event
			if json.Unmarshal(lines.Bytes(), &e) == nil { // the last line of a killed daemon may be cut
				out = append(out, e)
			}
		}
		err = lines.Err()
		f.Close()
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
