package bond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
	"github.com/tapbond/tapbond/tap"
)

// ErrGone answers requests to a bond that is deleted or being deleted.
var ErrGone = errors.New("no such bond")

// Bond is one aggregated link. Its methods may be called from any goroutine;
// those that change something run one at a time, in the order they came.
type Bond struct {
	engine *Engine
	sys    System
	bus    *Bus
	dev    tap.Device
	lane   Lane // nil without one
	index  int  // the TAP's interface index
	marked bool // the TAP has our mark

	box     *mailbox
	admin   chan struct{} // holds a token while a request runs
	snap    atomic.Pointer[snapshot]
	probed  atomic.Pointer[monitor.ProbeConfig] // for who reads the control sockets
	tx      []*txWorker
	tapSync *tapSync
	rulesAt time.Time // when lookForRules was last at work; whoever holds admin owns it
	jobs    *jobs
	look    chan struct{}                // capacity 1: look at the TAP again
	tidy    chan struct{}                // capacity 1: housekeeping is due
	back    chan struct{}                // capacity 1: a NIC that is away may be back
	above   atomic.Pointer[map[int]bool] // devices above the TAP, by index
	ctx     context.Context              // ends with the bond
	cancel  context.CancelFunc
	stopped chan struct{} // closed when the control goroutine has ended

	// The rest belongs to the control goroutine.
	name     string
	vals     option.Values
	selector policy.Selector
	up       bool
	upAt     time.Time // when it was last set up
	carrier  bool
	mac      [6]byte
	byModule bool // loading the module made it, it was never up and had no slave
	ownMAC   bool // mac is random or the first slave's, not set by somebody
	mtu      int
	slaves   []*slave // kernel order: that of enslaving
	slots    []bool   // slot in use
	away     []Away   // slaves whose NICs are gone
	nextID   int
	active   *slave

	observed string  // why frames must pass the TAP
	laneWhy  string  // why the express lane sends nothing
	laneTold bool    // laneWhy was told
	lanePast Traffic // that slaves which have left carried by it

	rxQueues []tap.Queue // where receive workers write; fixed
	steered  []uint16    // queue ids that have their queue
	steerErr string      // why they haven't

	bal   *balancing    // nil outside balance-tlb and balance-alb
	noted chan struct{} // capacity 1: a worker has seen address resolution

	forcePrimary bool   // primary was just set: it wins the next selection
	window       window // around a change of the active slave
	activeSince  time.Time
	activeWhy    string
	failovers    uint64

	lag   *lag        // its LACP; nil outside 802.3ad
	heard []slowFrame // scratch of hear

	mii                 *monitor.MII
	probing             *probing // the ARP and ND monitor; then mii has no slaves
	effects             []monitor.Effect
	notifier            announce.Notifier
	settling            announce.Settle // what was announced or learned is said again
	rejoin              announce.Rejoin
	targets             []announce.Target // what to announce: addresses on the bond and above
	announced, rejoined uint64            // frames sent for either
	wake                time.Time         // earliest deadline beside the machines' own

	gen      uint64
	dirty    bool         // state changed since the last snapshot
	stale    bool         // likewise, of what is not kept for another process
	retired  dropTotals   // drops counted by workers of slaves that have left
	returned returned     // own frames that came back
	past     Traffic      // of slaves that have left
	coming   *SlaveRecord // being enslaved
	// pending are slaves that are not taken over yet, or that could not be restored.
	pending []SlaveRecord
	before  *Record // that is being taken over
	ending  bool    // being deleted
	ended   bool
}

// Config describes a bond to create.
type Config struct {
	// Name of the bond and its TAP, 1 to 15 octets.
	Name string
	// Options are set at creation, before the first slave; all or nothing.
	Options []option.Assign
	// Base has the settings to begin with, by the bond's name, or for any under
	// ""; without an entry they are the module's.
	Base map[string]option.Values
	// byModule: loading the module makes it.
	byModule bool
}

// newBond makes the TAP and starts the bond.
func newBond(ctx context.Context, e *Engine, cfg Config) (*Bond, error) {
	vals, err := e.judgeConfig(cfg)
	if err != nil {
		return nil, err
	}
	if _, err := e.sys.LinkByName(cfg.Name); err == nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, unix.EEXIST)
	}
	if err := e.keep.note(cfg.Name, true); err != nil {
		return nil, fmt.Errorf("%s: keep its record: %w", cfg.Name, err)
	}
	b, err := openBond(e, tap.Options{Name: cfg.Name}, vals)
	if err != nil {
		return nil, err
	}
	b.byModule = cfg.byModule
	b.wantTAP() // a TAP has carrier from the beginning, a bond without slaves has none
	b.start()
	_ = b.tapSync.wait(ctx) // who doesn't wait has a bond all the same
	return b, nil
}

// openBond opens the TAP of a bond with these settings, which does nothing yet.
func openBond(e *Engine, o tap.Options, vals option.Values) (*Bond, error) {
	if _, ok := policy.New(policy.Mode(vals.Mode)); !ok {
		return nil, fmt.Errorf("%s: mode %v: no transmit policy", o.Name, policy.Mode(vals.Mode))
	}
	o.Queues, o.Offload = int(max(vals.Queues, 1)), tapOffload(vals.Offload)
	dev, err := e.sys.OpenTAP(o)
	if err != nil {
		return nil, err
	}
	giveUp := dev.Delete
	if o.Adopt {
		giveUp = dev.Close // it has addresses and routes
	}
	info, err := e.sys.LinkByIndex(dev.Index())
	if err != nil {
		return nil, errors.Join(err, giveUp())
	}
	lane, err := openLane(e.sys, dev, o.Name, vals, o.Adopt)
	var laneErr error
	if o.Adopt && err != nil {
		laneErr, err = err, e.sys.RemoveLane(dev.Index())
	}
	if err != nil {
		return nil, errors.Join(err, giveUp())
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Bond{
		engine: e, sys: e.sys, bus: e.bus, dev: dev, lane: lane, index: dev.Index(),
		box: newMailbox(), admin: make(chan struct{}, 1), ctx: ctx, cancel: cancel, stopped: make(chan struct{}), look: make(chan struct{}, 1), tidy: make(chan struct{}, 1), back: make(chan struct{}, 1), noted: make(chan struct{}, 1),
		name: o.Name, vals: vals,
		mac: info.MAC, ownMAC: true, mtu: info.MTU, marked: e.sys.OwnTAP(info),
	}
	if laneErr != nil {
		b.warn(nil, "express", "express lane can't be opened, workers carry everything: "+laneErr.Error())
	}
	e.claim(b.index, b)
	b.jobs = newJobs()
	b.above.Store(&map[int]bool{})
	b.setMode(policy.Mode(vals.Mode))
	b.mii = monitor.NewMII(b.miiConfig())
	b.configureMonitors(false)
	b.tapSync = newTAPSync(dev, func(err error) {
		b.box.post(func() { b.warn(nil, "tap", err.Error()) })
	})
	b.rxQueues = dev.Queues()
	for _, q := range b.rxQueues {
		b.addWorker(q)
	}
	b.setBalance()
	b.publish()
	return b, nil
}

// start starts the workers and the control goroutine.
func (b *Bond) start() {
	for _, w := range b.tx {
		go b.runTx(w)
	}
	go b.run()
	go b.tapSync.run(b.ctx)
	go b.jobs.run(b.ctx)
	go b.follow()
	go b.housekeeping()
	go b.readding()
}

// Close releases every slave and removes the TAP. It returns when the host is
// as it was before the bond.
func (b *Bond) Close(ctx context.Context) error { return b.engine.remove(ctx, b, true) }

// Done is closed when the bond is no more.
func (b *Bond) Done() <-chan struct{} { return b.stopped }

// Index returns the interface index of the bond's TAP.
func (b *Bond) Index() int { return b.index }

// runTx is the life of a transmit worker. Its queue ends with the bond, or
// because somebody deleted the TAP, which deletes the bond.
func (b *Bond) runTx(w *txWorker) {
	if err := w.run(); errors.Is(err, tap.ErrGone) {
		b.engine.tapGone(b)
	}
}

// lock waits for the bond's turn to serve a request.
func (b *Bond) lock(ctx context.Context) error {
	select {
	case b.admin <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return ErrGone
	}
}

func (b *Bond) tryLock() bool {
	select {
	case b.admin <- struct{}{}:
		return true
	default:
		return false
	}
}

func (b *Bond) unlock() { <-b.admin }

func (b *Bond) now() time.Time { return time.Now() }

func (b *Bond) event(e Event) {
	e.Bond, e.Time = b.name, b.now()
	b.bus.publish(e)
}

// warn reports something that an administrator should look at.
func (b *Bond) warn(s *slave, kind, msg string) {
	e := Event{Kind: kind, Message: msg, Level: slog.LevelWarn}
	if s != nil {
		e.Slave = s.name
	}
	b.event(e)
}

func (b *Bond) slaveByID(id int) *slave {
	for _, s := range b.slaves {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (b *Bond) slaveByName(name string) *slave {
	for _, s := range b.slaves {
		if s.name == name && !s.leaving {
			return s
		}
	}
	return nil
}

// memberByIndex is slaveByIndex without slaves that are leaving.
func (b *Bond) memberByIndex(index int) *slave {
	if s := b.slaveByIndex(index); s != nil && !s.leaving {
		return s
	}
	return nil
}

func (b *Bond) slaveByIndex(index int) *slave {
	for _, s := range b.slaves {
		if s.index == index {
			return s
		}
	}
	return nil
}

func (b *Bond) miiConfig() monitor.Config {
	return monitor.Config{Interval: ms(uint64(b.vals.Miimon)), UpDelay: ms(b.vals.Updelay()), DownDelay: ms(b.vals.Downdelay())}
}

func ms(n uint64) time.Duration { return time.Duration(n) * time.Millisecond }

func tapOffload(n uint32) tap.Offload {
	switch n {
	case option.OffloadOff:
		return tap.OffloadOff
	case option.OffloadOn:
		return tap.OffloadOn
	}
	return tap.OffloadAuto
}
