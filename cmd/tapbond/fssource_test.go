package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

// No question goes past the places there are, however many ask: here there are
// none, and no daemon either.
func TestFSSourceTakesPlaces(t *testing.T) {
	s := &fsSource{reads: make(chan struct{}), writes: make(chan struct{})}
	for name, ask := range map[string]func(context.Context) error{
		"Bond":       func(ctx context.Context) error { _, err := s.Bond(ctx, "bond0"); return err },
		"ReadFileOf": func(ctx context.Context) error { _, err := s.ReadFileOf(ctx, "bond0", 1, "mode"); return err },
		"ReadFiles":  func(ctx context.Context) error { _, err := s.ReadFiles(ctx, "bond0"); return err },
		"Module":     func(ctx context.Context) error { _, err := s.Module(ctx); return err },
		"SetSysfs":   func(ctx context.Context) error { return s.SetSysfs(ctx, "bond0", nil) },
		"Delete":     func(ctx context.Context) error { return s.Delete(ctx, "bond0") },
		"Sync":       s.Sync,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}
