package main

import (
	"context"
	"errors"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/statefile"
)

// states returns the bonds of this network namespace, or the one that is named.
// Where nothing runs there are none, which is no error. A daemon that ends
// meanwhile and leaves its bonds is followed by another.
func states(ctx context.Context, name string) (c *control.Client, out []bond.State, err error) {
	for range 3 {
		if c, err = daemon.Connect(ctx); err != nil {
			return nil, nil, err
		}
		out, err = ask(ctx, c, name)
		if !errors.Is(err, control.ErrNoServer) || !statefile.Exists(c.Dir()) {
			break
		}
	}
	switch {
	case !errors.Is(err, control.ErrNoServer) || statefile.Exists(c.Dir()):
		return c, out, err
	case name == "":
		return c, []bond.State{}, nil
	}
	return c, nil, ofBond(name, err)
}

func ask(ctx context.Context, c *control.Client, name string) ([]bond.State, error) {
	if name == "" {
		return c.Bonds(ctx)
	}
	st, err := c.Bond(ctx, name)
	return []bond.State{st}, err
}
