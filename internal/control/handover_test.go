package control_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// An idle server ends for another one; one that has something to serve stays.
func TestHandOver(t *testing.T) {
	labtest.OwnNetns(t)
	t.Setenv("TAPBOND_RUN", t.TempDir())
	l, err := control.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	busy := true
	s := control.NewServer(bond.NewEngine(nil, bond.NewBus(), nil), slog.New(slog.DiscardHandler))
	s.HandOver = func() bool {
		if !busy {
			stop()
		}
		return !busy
	}
	ended := make(chan error, 1)
	go func() {
		err := s.Serve(ctx, l)
		_ = l.Close()
		ended <- err
	}()
	if _, err := control.Listen(""); !errors.Is(err, control.ErrBusy) {
		t.Errorf("with something to serve: %v", err)
	}
	busy = false
	next, err := control.Listen("")
	if err != nil {
		t.Fatalf("from an idle one: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}
