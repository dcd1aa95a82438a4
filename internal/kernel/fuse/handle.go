package fuse

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// handle is a file or a folder that somebody has open.
type handle struct {
	mu      sync.Mutex
	text    string // what the file read when its beginning was read last
	read    bool
	entries []tree.Entry // of a folder, when it was opened
}

// handles are numbered from 1.
type handles struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*handle
}

func (hs *handles) add(h *handle) uint64 {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.last++
	hs.open[hs.last] = h
	return hs.last
}

func (hs *handles) get(id uint64) *handle {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.open[id]
}

func (hs *handles) remove(id uint64) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	delete(hs.open, id)
}

// readAt reads from what the file read when its beginning was read last, so
// that what is read in pieces fits together.
func (h *handle) readAt(t *tree.Tree, n *node, as tree.Reader, off, size uint64) (string, unix.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if off == 0 || !h.read {
		text, err := t.Read(context.Background(), n.path, &n.entry, as)
		if err != nil {
			return "", tree.Errno(err)
		}
		h.text, h.read = text, true
	}
	text := h.text[min(off, uint64(len(h.text))):]
	return text[:min(size, uint64(len(text)))], 0
}
