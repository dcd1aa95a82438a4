package bond

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// Set changes options: the whole request or nothing of it, with the kernel's
// checks, order and answers.
func (b *Bond) Set(ctx context.Context, assigns []option.Assign) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	// What the request names is looked up here: the control goroutine asks the
	// host nothing.
	known := b.engine.interfaces(assigns)
	var err error
	if gone := b.call(func() {
		var res option.Result
		res, err = b.vals.Apply(b.env(known), assigns)
		if err == nil {
			err = b.fixed(res.Effects)
		}
		if err != nil {
			b.refused(err)
			return
		}
		b.accept(res)
	}); gone != nil {
		return gone
	}
	if err != nil {
		return err
	}
	return b.tapSync.wait(ctx)
}

// fixed refuses what only a new bond can have, and what has a request of its own.
func (b *Bond) fixed(effects []option.Effect) error {
	for _, e := range effects {
		switch e := e.(type) {
		case option.DeviceChanged:
			return option.Unsupported(b.name, e.Option, "can only be chosen when the bond is created")
		case option.Enslave, option.Release:
			return option.Unsupported(b.name, option.Slaves, "has requests of its own: enslave, release")
		}
	}
	return nil
}

// refused puts the kernel's lines about a refusal in the log.
func (b *Bond) refused(err error) {
	var oe *option.Error
	if !errors.As(err, &oe) {
		return
	}
	for _, line := range oe.LogLines {
		b.event(Event{Kind: "option_refused", Message: line, Level: slog.LevelWarn})
	}
}

// env is the situation options are judged in.
func (b *Bond) env(known map[string]option.Iface) option.Env {
	env := option.Env{Bond: b.name, Up: b.up, Interface: func(name string) option.Iface { return known[name] }}
	for _, s := range b.members() {
		env.Slaves = append(env.Slaves, option.Slave{Name: s.name, Ready: s.carrier && s.link == monitor.LinkUp, QueueID: s.queueID})
	}
	if b.active != nil && b.primaryMode() {
		env.Active = b.active.name
	}
	return env
}

// accept puts new values in force.
func (b *Bond) accept(res option.Result) {
	b.vals = res.Values
	b.dirty = true
	for _, l := range res.Log {
		b.event(Event{Kind: "option", Message: l.Text, Level: slog.Level(l.Level)})
	}
	for _, e := range res.Effects {
		b.carryOut(e)
	}
}

func (b *Bond) carryOut(e option.Effect) {
	switch e := e.(type) {
	case option.ModeChanged:
		b.selector, _ = policy.New(policy.Mode(e.To)) // Apply accepts no mode without one
	case option.MonitorChanged:
		b.configureMII()
	case option.SetActive:
		if s := b.slaveByName(e.Slave); s != nil && s != b.active {
			b.setActive(s, false, "active_slave was set")
		}
	case option.ClearActive:
		b.setActive(nil, false, "active_slave was cleared")
	case option.Reselect:
		b.forcePrimary = e.Force
		b.reselect("options changed")
	case option.RecheckCarrier:
		b.updateCarrier()
	case option.SetPrio:
		if s := b.slaveByName(e.Slave); s != nil {
			s.prio = e.Prio
		}
	case option.SetQueueID:
		if s := b.slaveByName(e.Slave); s != nil {
			s.queueID = e.ID
		}
	}
}

func (b *Bond) configureMII() {
	b.effects = b.mii.Step(b.now(), monitor.Configure{Config: b.miiConfig()}, b.miiContext(), b.effects[:0])
	for _, e := range slices.Clone(b.effects) {
		b.linkChanged(e)
	}
}
