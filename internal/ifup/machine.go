package ifup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/ifcfg"
)

// linkWait is how long an active slave that was asked for gets for its carrier.
const linkWait = 3 * time.Second

// requests are what steps ask of the daemon.
type requests interface {
	Create(ctx context.Context, req control.CreateRequest) (string, error)
	Set(ctx context.Context, bond string, opts []option.Assign) error
	Enslave(ctx context.Context, bond, slave string) error
	Release(ctx context.Context, bond, slave string) error
	Delete(ctx context.Context, bond string) error
	Sync(ctx context.Context) error
}

// Machine does steps to the network namespace of the calling thread.
type Machine struct {
	Client Client
	// Start starts a daemon where none serves.
	Start func(ctx context.Context) error
}

// Do implements Doer.
func (m *Machine) Do(ctx context.Context, s ifcfg.Step) (Undo, error) {
	switch s.Op {
	case ifcfg.Create:
		return m.create(ctx, s)
	case ifcfg.SetOptions:
		return m.options(ctx, s)
	case ifcfg.SetMAC:
		return m.followed(ctx, func() (Undo, error) { return setMAC(s.Link, s.MAC) })
	case ifcfg.SetMTU:
		return m.followed(ctx, func() (Undo, error) { return setMTU(s.Link, s.MTU) })
	case ifcfg.LinkDown:
		return m.followed(ctx, func() (Undo, error) { return SetDown(s.Link) })
	case ifcfg.LinkUp:
		return m.followed(ctx, func() (Undo, error) { return setUp(s.Link) })
	case ifcfg.Enslave:
		if err := m.Client.Enslave(ctx, s.Bond, s.Link); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return m.Client.Release(ctx, s.Bond, s.Link) }, nil
	case ifcfg.DropAddress:
		return dropAddress(s)
	case ifcfg.SetQueue:
		return m.queue(ctx, s)
	case ifcfg.SetActive:
		return nil, m.active(ctx, s)
	case ifcfg.AddAddress:
		return addAddress(s)
	case ifcfg.SetDefault:
		return setDefault(s)
	case ifcfg.StartDHCP:
		return startDHCP(ctx, s)
	case ifcfg.StopDHCP:
		return endDHCP(ctx, s)
	case ifcfg.Release:
		return nil, m.Client.Release(ctx, s.Bond, s.Link)
	case ifcfg.Delete:
		return m.remove(ctx, s)
	}
	return nil, fmt.Errorf("step %d is unknown", s.Op)
}

// followed does something to a link and waits until the bonds have followed;
// a step that they didn't follow counts as done and can be undone.
func (m *Machine) followed(ctx context.Context, do func() (Undo, error)) (Undo, error) {
	undo, err := do()
	if err != nil {
		return undo, err
	}
	if err := m.Client.Sync(ctx); err != nil && !errors.Is(err, control.ErrNoServer) {
		return undo, err
	}
	return undo, nil
}

func (m *Machine) create(ctx context.Context, s ifcfg.Step) (Undo, error) {
	req := control.CreateRequest{Name: s.Bond, Options: s.Options}
	_, err := m.Client.Create(ctx, req)
	if errors.Is(err, control.ErrNoServer) {
		if err = m.Start(ctx); err == nil {
			_, err = m.Client.Create(ctx, req)
		}
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return m.Client.Delete(ctx, s.Bond) }, nil
}

// options sets a bond's options. Undo sets them back one by one, the last one
// first: what depends on another is taken back before it.
func (m *Machine) options(ctx context.Context, s ifcfg.Step) (Undo, error) {
	st, err := m.Client.Bond(ctx, s.Bond)
	if err != nil {
		return nil, err
	}
	before := st.Settings
	if err := m.Client.Set(ctx, s.Bond, s.Options); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		for _, a := range slices.Backward(s.Options) {
			// Whether it worked is seen below: some can't be set to what they were, and
			// are it all the same.
			_ = m.Client.Set(ctx, s.Bond, []option.Assign{{Option: a.Option, Value: before[a.Option]}})
		}
		st, err := m.Client.Bond(ctx, s.Bond)
		if err == nil && !maps.Equal(st.Settings, before) {
			err = fmt.Errorf("%s: its options are not what they were", s.Bond)
		}
		return err
	}, nil
}

func (m *Machine) queue(ctx context.Context, s ifcfg.Step) (Undo, error) {
	st, err := m.Client.Bond(ctx, s.Bond)
	if err != nil {
		return nil, err
	}
	set := func(ctx context.Context, id uint16) error {
		return m.Client.Set(ctx, s.Bond, []option.Assign{{Option: "queue_id", Slave: s.Link, Value: strconv.Itoa(int(id))}})
	}
	var before uint16
	for _, slave := range st.Slaves {
		if slave.Name == s.Link {
			before = slave.QueueID
		}
	}
	if err := set(ctx, s.QueueID); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return set(ctx, before) }, nil
}

// active makes a slave the active one as soon as its link allows; a link that
// stays down is no reason to do without the bond.
func (m *Machine) active(ctx context.Context, s ifcfg.Step) error {
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := m.Client.Set(ctx, s.Bond, []option.Assign{{Option: "active_slave", Value: s.Link}})
		if !errors.Is(err, unix.EINVAL) {
			return err
		}
		select {
		case <-ctx.Done():
			return &Wish{err}
		case <-again.C:
		}
	}
}
