package main

import (
	"context"
	"errors"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
)

// fsSource is the daemon as the files see it. However many readers and writers
// there are, they take up few of the daemon's connections: others need some.
type fsSource struct {
	client *control.Client
	reads  chan struct{}
	writes chan struct{}
}

func newFSSource() (*fsSource, error) {
	c, err := control.NewClient()
	return &fsSource{client: c, reads: make(chan struct{}, 8), writes: make(chan struct{}, 8)}, err
}

// among takes one of a limited number of places; it is given back by leave.
func among(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fsSource) Brief(ctx context.Context) ([]bond.State, error) { return s.client.Brief(ctx) }

func (s *fsSource) Bond(ctx context.Context, name string) (bond.State, error) {
	leave, err := among(ctx, s.reads)
	if err != nil {
		return bond.State{}, err
	}
	defer leave()
	return s.client.Bond(ctx, name)
}

func (s *fsSource) ReadFileOf(ctx context.Context, name string, index int, file string) (string, error) {
	leave, err := among(ctx, s.reads)
	if err != nil {
		return "", err
	}
	defer leave()
	return s.client.ReadFileOf(ctx, name, index, file)
}

func (s *fsSource) ReadFiles(ctx context.Context, name string) (map[string]string, error) {
	leave, err := among(ctx, s.reads)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.client.ReadFiles(ctx, name)
}

func (s *fsSource) Module(ctx context.Context) (bond.ModuleState, error) {
	leave, err := among(ctx, s.reads)
	if err != nil {
		return bond.ModuleState{}, err
	}
	defer leave()
	return s.client.Module(ctx)
}

func (s *fsSource) SetSysfs(ctx context.Context, name string, opts []option.Assign) error {
	return s.write(ctx, func() error { return s.client.SetSysfs(ctx, name, opts) })
}

func (s *fsSource) Delete(ctx context.Context, name string) error {
	return s.write(ctx, func() error { return s.client.Delete(ctx, name) })
}

func (s *fsSource) Sync(ctx context.Context) error {
	err := s.write(ctx, func() error { return s.client.Sync(ctx) })
	if errors.Is(err, control.ErrNoServer) {
		return nil // nobody has to follow
	}
	return err
}

// Create starts a daemon where there is none, as the kernel would load the
// module.
func (s *fsSource) Create(ctx context.Context, req control.CreateRequest) (name string, err error) {
	err = s.write(ctx, func() error {
		name, err = s.client.Create(ctx, req)
		if errors.Is(err, control.ErrNoServer) {
			if err = daemon.Start(ctx); err == nil {
				name, err = s.client.Create(ctx, req)
			}
		}
		return err
	})
	return name, err
}

func (s *fsSource) write(ctx context.Context, do func() error) error {
	leave, err := among(ctx, s.writes)
	if err != nil {
		return err
	}
	defer leave()
	return do()
}
