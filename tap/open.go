package tap

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
)

// Offload selects how frames cross the TAP.
type Offload uint8

// Offload modes.
const (
	OffloadAuto Offload = iota // on if the kernel can, else off
	OffloadOn                  // virtio-net headers: unfinished checksums and super-frames cross as they are
	OffloadOff                 // plain: finished frames of at most the MTU
)

// Options of Open.
type Options struct {
	Name    string // 1 to 15 octets
	Queues  int    // at least 1; 0 means 1
	Offload Offload
	// Adopt attaches to a TAP of that name that is there already. Without it
	// any link of that name is refused with EEXIST.
	Adopt bool
}

// device is a TAP with its queues; both ways of attaching make one.
type device struct {
	name    string
	index   int
	offload bool
	base    int // queues for what has none of its own

	mu     sync.Mutex
	queues []*queue
}

// Open creates the TAP and attaches its queues. On error nothing is left
// behind, except that an adopted TAP stays.
func Open(o Options) (Device, error) {
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	if o.Queues < 1 {
		o.Queues = 1
	}
	created, err := ensure(o.Name, o.Adopt)
	if err != nil {
		return nil, err
	}
	if created {
		setMark(o.Name)
	}
	d, err := attach(o)
	if err != nil {
		if created {
			err = errors.Join(err, remove(o.Name))
		}
		return nil, err
	}
	if !created && !Marked(o.Name) { // made by an older version, or not by us
		setMark(o.Name)
	}
	return d, nil
}

// attach opens the queues in the mode asked for.
func attach(o Options) (*device, error) {
	x, err := netlink.LinkByName(o.Name)
	if err != nil {
		return nil, fmt.Errorf("tap %s: %w", o.Name, err)
	}
	d := &device{name: o.Name, index: x.Attrs().Index, offload: o.Offload != OffloadOff, base: o.Queues}
	err = d.open(o.Name, o.Queues)
	if err != nil && o.Offload == OffloadAuto {
		d.offload = false
		err = d.open(o.Name, o.Queues)
	}
	if err != nil {
		return nil, fmt.Errorf("tap %s: %w", o.Name, err)
	}
	return d, nil
}

// open attaches the first n queues. All of a TAP's queues are of one kind: the
// first decides, so on failure all are closed before the other kind is tried.
func (d *device) open(name string, n int) error {
	for range n {
		if err := d.attach(name); err != nil {
			return errors.Join(err, d.Close())
		}
	}
	return nil
}

// attach attaches one more queue; the kernel numbers them as they come.
func (d *device) attach(name string) error {
	attachOne := attachPlain
	if d.offload {
		attachOne = attachVNet
	}
	f, err := attachOne(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queues = append(d.queues, newQueue(f, d.offload))
	return nil
}

// Grow implements Device.
func (d *device) Grow(n int) error {
	name, err := nameOf(d.index)
	for err == nil && len(d.Queues()) < n {
		err = d.attach(name)
	}
	if err != nil {
		return fmt.Errorf("tap %s: one more queue: %w", d.name, err)
	}
	return nil
}

// control runs fn on the first queue's descriptor: what concerns the whole
// device is asked of it.
func (d *device) control(fn func(fd int) error) error {
	d.mu.Lock()
	queues := d.queues
	d.mu.Unlock()
	if len(queues) == 0 {
		return os.ErrClosed
	}
	var inner error
	if err := queues[0].file.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func (d *device) Name() string  { return d.name }
func (d *device) Index() int    { return d.index }
func (d *device) Offload() bool { return d.offload }

func (d *device) Queues() []Queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]Queue, len(d.queues))
	for i, q := range d.queues {
		out[i] = q
	}
	return out
}

func (d *device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, q := range d.queues {
		if err := q.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	d.queues = nil
	return errors.Join(errs...)
}

// Delete removes the TAP under whatever name it has now.
func (d *device) Delete() error {
	var gone error
	if name, err := nameOf(d.index); err == nil {
		gone = remove(name)
	}
	return errors.Join(gone, d.Close())
}
