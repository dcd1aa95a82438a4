package express

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/privilege"
)

// ErrNoSeat: Seats slaves use the way already.
var ErrNoSeat = errors.New("the express lane is full")

// Lane is the short way of one bond: the maps, which end with the last program
// that uses them, and the program of the TAP. Publish is for one goroutine; the
// rest may be called by any.
type Lane struct {
	bond            int // interface index of the TAP
	state, counters *ebpf.Map
	copies          *ebpf.Map
	out             *ebpf.Program
	cpus            int

	mem, lines []byte // the maps' values
	current    uint32 // as in mem

	mu    sync.Mutex
	taken [Seats]bool
	stale [numBuckets]uint32 // bucketIn of those that didn't drain, as Settle saw them
}

// New loads the program that sends what the TAP of that interface index is given;
// nothing takes it until FD is attached. It needs the right to load eBPF.
func New(bond int) (*Lane, error) {
	if cpu.IsBigEndian {
		return nil, fmt.Errorf("express lane: %w on this processor", unix.EOPNOTSUPP)
	}
	l := &Lane{bond: bond}
	runtime.SetFinalizer(l, (*Lane).unmap) // who counts has a Seat, and it the Lane
	if err := l.load(); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = privilege.Explain(fmt.Errorf("load program: %w", unix.EPERM), privilege.BPF) // the library guesses at reasons
		}
		return nil, errors.Join(fmt.Errorf("express lane: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lane) load() error {
	var err error
	if l.cpus, err = ebpf.PossibleCPU(); err != nil {
		return err
	}
	if l.state, l.mem, err = memory("tapbond_state", stateSize); err != nil {
		return err
	}
	if l.counters, l.lines, err = memory("tapbond_count", l.cpus<<cpuShift); err != nil {
		return err
	}
	if l.copies, err = newCopies(); err != nil {
		return err
	}
	l.out, err = load("tapbond_out", egress(l.state.FD(), l.counters.FD(), l.cpus))
	return err
}

// memory makes a map of one value that the process and the programs share.
func memory(name string, size int) (*ebpf.Map, []byte, error) {
	page := unix.Getpagesize()
	size = (size + page - 1) / page * page
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return nil, nil, err
	}
	mem, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		m.Close()
		return nil, nil, fmt.Errorf("map memory: %w", err)
	}
	return m, mem, nil
}

func load(name string, ins asm.Instructions) (*ebpf.Program, error) {
	return ebpf.NewProgram(&ebpf.ProgramSpec{Name: name, Type: ebpf.SchedCLS, Instructions: ins, License: "Dual MIT/GPL"})
}

func (l *Lane) unmap() {
	for _, mem := range [][]byte{l.mem, l.lines} {
		if mem != nil {
			_ = unix.Munmap(mem)
		}
	}
}

// FD is the descriptor of the TAP's program, for its egress hook.
func (l *Lane) FD() int { return l.out.FD() }

// word is one of the state's words, at an offset that is a multiple of 4.
func (l *Lane) word(at int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&l.mem[at]))
}

// Publish puts a table in force.
func (l *Lane) Publish(t *Table) {
	next := (l.current + 1) % numTables
	at := stateTables + int(next)*tableSize
	t.encode(l.mem[at : at+tableSize])
	l.current = next
	l.word(stateCurrent).Store(next)
}

// Done says that a worker is done with a frame of this bucket. It neither waits
// nor allocates.
func (l *Lane) Done(bucket int) {
	l.word(stateBuckets + bucket*bucketSize + bucketOut).Add(1)
}

// Settle opens the way to the buckets of which frames were lost before a worker
// had them, or came as several: to those that were quiet since the last call.
func (l *Lane) Settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.stale {
		in, out := l.word(stateBuckets+i*bucketSize+bucketIn), l.word(stateBuckets+i*bucketSize+bucketOut)
		seen := in.Load()
		if done := out.Load(); done != seen && l.stale[i] == seen {
			// Should a frame come now, it is the next call's business.
			in.CompareAndSwap(seen, done)
		}
		l.stale[i] = seen
	}
}

// Close ends the process's part. Programs that are attached go on, and counters
// can still be read.
func (l *Lane) Close() error {
	var errs []error
	if l.out != nil {
		errs = append(errs, l.out.Close())
	}
	for _, m := range []*ebpf.Map{l.state, l.counters, l.copies} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}
