package nic

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// arena is memory for received frames outside the garbage collector's heap: it is
// large and mostly untouched, and in the heap all of it would count, twice, and be
// given huge pages. Pages are there once a frame was in them.
type arena struct {
	mem  []byte
	once *sync.Once
}

func newArena(size int) (*arena, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory for frames: %w", err)
	}
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE) // a kernel without them needs no advice
	a := &arena{mem: mem, once: new(sync.Once)}
	// For a port that nobody has read from to its end.
	runtime.AddCleanup(a, func(once *sync.Once) { once.Do(func() { _ = unix.Munmap(mem) }) }, a.once)
	return a, nil
}

// free gives the memory back. No frame in it may be used any more.
func (a *arena) free() {
	a.once.Do(func() { _ = unix.Munmap(a.mem) })
}
