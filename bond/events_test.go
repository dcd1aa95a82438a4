package bond

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

func TestBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBus()
		got := make(chan []Event)
		go func() {
			events, _ := b.Since(t.Context(), 0)
			got <- events
		}()
		synctest.Wait()
		b.publish(Event{Message: "one"})
		if events := <-got; len(events) != 1 || events[0].Seq != 1 {
			t.Errorf("waiting reader got %v", events)
		}
		for range 3 * eventBacklog {
			b.publish(Event{})
		}
		events, err := b.Since(t.Context(), 1)
		if err != nil || len(events) != eventBacklog || events[len(events)-1].Seq != b.Last() {
			t.Errorf("a reader that lagged got %d events, %v", len(events), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Since(ctx, b.Last()); err == nil {
			t.Error("no error from a context that ended")
		}
	})
}

func TestLogWritesWhatIsLeft(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	b := NewBus()
	b.publish(Event{Bond: "bond0", Slave: "eth0", Kind: "link_down", Message: "link status definitely down, disabling slave", From: "up", To: "down", Why: "no carrier"})
	b.publish(Event{Bond: "bond0", Kind: "option", Message: "said", Level: slog.LevelWarn})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.Log(ctx, log)
	want := `level=INFO msg="bond0: (slave eth0): link status definitely down, disabling slave" bond=bond0 slave=eth0 kind=link_down from=up to=down why="no carrier"
level=WARN msg="bond0: said" bond=bond0 kind=option
`
	if out.String() != want {
		t.Errorf("log:\n%s\nwant:\n%s", strings.TrimSpace(out.String()), want)
	}
}
