package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modparam"
	"github.com/tapbond/tapbond/internal/statefile"
)

// Options of a daemon's life.
type Options struct {
	Log *slog.Logger
	// Keep leaves the bonds in the kernel's care when the process is told to
	// end: the next one takes them over.
	Keep bool
	// Transient: started because somebody made a bond or loaded the module; ends
	// when neither is there any more.
	Transient bool
	// Group that may use the socket beside root, "" for none.
	Group string
	// Parameters are the module's parameters that bonds begin with before anybody
	// loads the module: those of modprobe's configuration. max_bonds has no effect.
	Parameters []modparam.Param
	// Setup runs once the bonds left by another process are taken over and
	// requests are served. Its error ends the daemon; what it returns is a bond
	// whose end is the daemon's too, or nil.
	Setup func(context.Context, *bond.Engine) (*bond.Bond, error)
}

const (
	// idleTime is how long a transient daemon stays without a bond: who deletes
	// one and makes another need not wait for a new process.
	idleTime = time.Second
	// lookEvery is how often a transient daemon and the namespace are looked at.
	lookEvery = 250 * time.Millisecond
)

// Supervised reports whether a service manager runs this process: it will be
// started again, so ending is no reason to undo anything.
func Supervised() bool {
	return os.Getenv("NOTIFY_SOCKET") != "" || os.Getenv("INVOCATION_ID") != ""
}

// Run serves the caller's network namespace until ctx ends, the namespace is
// abandoned, or, if transient, the last bond is gone and the module unloaded.
func Run(ctx context.Context, o Options) (err error) {
	ns, err := ownNamespace()
	if err != nil {
		return err
	}
	listener, err := control.Listen(o.Group)
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := listener.Warning(); err != nil {
		o.Log.Warn(err.Error())
	}
	sys, err := bond.NewSystem()
	if err != nil {
		return err
	}
	defer sys.Close()

	store := statefile.Open(listener.Dir())
	bus := bond.NewBus()
	engine := bond.NewEngine(sys, bus, store)
	// Logging outlives the rest: what the undoing says is said.
	logCtx, stopLog := context.WithCancel(context.Background())
	var logged sync.WaitGroup
	logged.Go(func() { bus.Log(logCtx, o.Log) })
	logged.Go(func() { keepJournal(logCtx, bus, listener.Dir(), o.Log) })
	forget := false
	defer func() {
		stopLog()
		logged.Wait()
		if forget {
			ForgetHistory(listener.Dir())
		}
		pruneHistories(filepath.Dir(listener.Dir()), listener.Dir())
	}()

	m, err := modparam.Check(o.Parameters)
	if err != nil {
		o.Log.Error("modprobe's options for bonding have no effect: " + err.Error())
	} else {
		engine.Begin(m.Values, m.Log)
	}
	records, err := store.Load()
	var foreign *statefile.VersionError
	if errors.As(err, &foreign) {
		return err
	}
	unread := err
	if err != nil {
		o.Log.Error(err.Error())
	}
	module, err := store.Module()
	if err != nil {
		o.Log.Error(err.Error())
	}
	if err := engine.Restore(ctx, module, records); err != nil {
		o.Log.Error(err.Error())
	}
	if unread != nil {
		for _, i := range engine.Strays() {
			o.Log.Warn("no record tells of "+i.Name+", which a bond of an earlier process used: end this daemon and run tapbond cleanup --force "+i.Name, "ifindex", i.Index)
		}
	}
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 2)
	go func() { failed <- engine.Run(runCtx, sys.Events()) }()
	server := control.NewServer(engine, o.Log)
	handed := make(chan struct{})
	if o.Transient {
		server.HandOver = handOver(engine, handed)
	}
	go func() { failed <- server.Serve(runCtx, listener) }()

	keep := false
	defer func() {
		if keep {
			return
		}
		// However many bonds there are: each has a time of its own.
		err = errors.Join(err, engine.CloseAll(context.Background()))
	}()
	var own <-chan struct{}
	var name string
	if o.Setup != nil {
		b, err := o.Setup(ctx, engine)
		if err != nil {
			keep = len(records) > 0 // they were here before us
			return err
		}
		if b != nil {
			own, name = b.Done(), b.Name()
		}
	}
	o.Log.Info("serving this network namespace", "socket", listener.Addr().String(), "bonds", len(engine.Bonds()))
	ready("")
	_, _ = sdnotify.SdNotify(false, sdnotify.SdNotifyReady)
	end := func() error {
		keep = o.Keep
		_, _ = sdnotify.SdNotify(false, sdnotify.SdNotifyStopping)
		return nil
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	idle := time.Now()
	var mended mending
	for {
		select {
		case <-ctx.Done():
			return end()
		case <-handed:
			return nil
		case <-own:
			return fmt.Errorf("%s was deleted", name)
		case err := <-failed:
			if ctx.Err() != nil {
				return end() // that is why serving ended, and chance chose this case
			}
			keep = true // a fault of ours is no reason to cut anybody off
			return fmt.Errorf("serving ended: %w", err)
		case <-look.C:
		}
		mended.look(listener, engine, o.Log)
		if ns.abandoned(o.Transient, 0) {
			o.Log.Warn("the network namespace was deleted, nobody else is in it")
			forget = true
			return nil
		}
		switch {
		case !o.Transient || !engine.Idle():
			idle = time.Now()
		case time.Since(idle) > idleTime && engine.Retire():
			return nil
		}
	}
}

// mending makes the run folder and what is in it again if somebody removed it.
type mending struct{ failed bool }

func (m *mending) look(l *control.Listener, engine *bond.Engine, log *slog.Logger) {
	removed, err := l.Mend()
	if !removed {
		return
	}
	err = errors.Join(err, engine.KeepAgain())
	switch {
	case err == nil:
		log.Warn("the run folder, or something in it, was removed; made again", "folder", l.Dir())
	case !m.failed:
		log.Error("the run folder, or something in it, was removed, and can't be made again for now: "+err.Error(), "folder", l.Dir())
	}
	m.failed = err != nil
}

// handOver returns what retires an engine that is idle and then closes done.
func handOver(engine *bond.Engine, done chan struct{}) func() bool {
	var once sync.Once
	return func() bool {
		if !engine.Retire() {
			return false
		}
		once.Do(func() { close(done) })
		return true
	}
}
