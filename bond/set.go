package bond

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// Set changes options: the whole request or nothing of it, with the kernel's
// checks, order and answers.
func (b *Bond) Set(ctx context.Context, via option.Via, assigns []option.Assign) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	// What the request names is looked up here: the control goroutine asks the
	// host nothing.
	assigns, known := b.engine.resolve(assigns)
	var res option.Result
	var err error
	if gone := b.call(func() {
		env := b.env(known)
		env.Via = via
		res, err = b.vals.Apply(env, assigns)
		if err == nil {
			err = b.fixed(res.Effects, len(assigns))
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
	b.findPaths()
	b.refresh() // targets may be in VLANs that the slaves don't receive yet
	for _, e := range res.Effects {
		switch e := e.(type) {
		case option.SetQueueID:
			b.steerQueues()
		case option.Enslave:
			return b.enslaveAs(ctx, e.Slave, joining{})
		case option.Release:
			return b.releaseByName(ctx, e.Slave)
		}
	}
	return b.done(ctx)
}

// fixed refuses what only a new bond can have, and slaves that come and go in
// a request of several options: it could not be undone.
func (b *Bond) fixed(effects []option.Effect, options int) error {
	for _, e := range effects {
		switch e := e.(type) {
		case option.DeviceChanged:
			return option.Unsupported(b.name, e.Option, "can only be chosen when the bond is created")
		case option.Enslave, option.Release:
			if options > 1 {
				return option.Unsupported(b.name, option.Slaves, "must be set alone")
			}
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
		b.driverLine(refusedKind, slog.LevelError, line)
	}
}

// driverLine publishes a line in the driver's wording, "bond0: (slave eth0):
// text", as the event it is.
func (b *Bond) driverLine(kind string, level slog.Level, line string) {
	e := Event{Kind: kind, Level: level, Message: strings.TrimPrefix(line, b.name+": ")}
	if rest, ok := strings.CutPrefix(e.Message, "(slave "); ok {
		if name, text, ok := strings.Cut(rest, "): "); ok {
			e.Slave, e.Message = name, text
		}
	}
	b.event(e)
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
		b.driverLine("option", slog.Level(l.Level), l.Text)
	}
	monitors, restart := false, false
	for _, e := range res.Effects {
		b.carryOut(e)
		switch e := e.(type) {
		case option.MonitorChanged:
			monitors, restart = true, restart || e.Restart
		case option.ModeChanged, option.TargetAdded, option.TargetRemoved, option.TargetsReplaced:
			monitors = true
		}
	}
	if monitors {
		b.configureMonitors(restart)
	}
}

func (b *Bond) carryOut(e option.Effect) {
	switch e := e.(type) {
	case option.ModeChanged:
		b.setMode(policy.Mode(e.To))
		b.setBalance()
	case option.DatapathChanged:
		b.selector = b.selectorFor()
		b.configureLACP()
	case option.LACPChanged:
		b.configureLACP()
	case option.SetActive:
		if s := b.slaveByName(e.Slave); s != nil && s != b.active {
			if why := "active_slave was set"; !b.delayed(s, s, why) {
				b.setActive(s, false, why)
			}
		}
	case option.ClearActive:
		b.setActive(nil, false, "active_slave was cleared")
	case option.Reselect:
		b.forcePrimary = b.forcePrimary || e.Force
		b.reselect("options changed")
	case option.RecheckCarrier:
		b.configureLACP()
		b.updateCarrier()
	case option.SetPrio:
		if s := b.slaveByName(e.Slave); s != nil {
			s.prio = e.Prio
		}
	case option.SetActorPortPrio:
		if s := b.slaveByName(e.Slave); s != nil && b.lag != nil {
			s.portPrio = e.Prio
			b.stepLACP(lacp.PortPriority{Port: lacp.PortID(s.id), Priority: e.Prio})
		}
	case option.SetSpeed:
		if s := b.slaveByName(e.Slave); s != nil {
			s.assume, b.dirty = e.Mbps, true
			b.linkLACP(s)
			b.wantTAP()
		}
	case option.SetQueueID:
		if s := b.slaveByName(e.Slave); s != nil {
			s.queueID, b.dirty = e.ID, true
		}
	}
}

func (b *Bond) configureMII() {
	b.effects = b.mii.Step(b.now(), monitor.Configure{Config: b.miiConfig()}, b.miiContext(), b.effects[:0])
	for _, e := range slices.Clone(b.effects) {
		b.linkChanged(e)
	}
}
