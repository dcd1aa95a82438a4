package tree

import (
	"context"
	"path/filepath"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

// writeMasters makes a bond, "+NAME", or removes one, "-NAME".
func (t *Tree) writeMasters(ctx context.Context, text string) error {
	v := &view{t: t}
	if _, err := v.look(); err != nil {
		return err
	}
	isBond := func(name string) bool {
		st, _ := v.bond(name)
		return st != nil
	}
	exists := func(name string) bool {
		return isBond(name) || t.host.has(filepath.Join(t.host.netClass(), name))
	}
	res, err := option.WriteMasters(text, exists, isBond)
	if err != nil {
		return err
	}
	for _, e := range res.Effects {
		switch e := e.(type) {
		case option.Create:
			_, err = t.src.Create(ctx, control.CreateRequest{Name: e.Name})
		case option.Destroy:
			err = t.src.Delete(ctx, e.Name)
		}
	}
	return err
}
