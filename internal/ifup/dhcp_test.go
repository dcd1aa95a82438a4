package ifup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// A bond that can't be removed has its DHCP client again.
func TestEndOfDHCPUndone(t *testing.T) {
	t.Setenv("TAPBOND_RUN", t.TempDir())
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	client := filepath.Join(dir, "dhclient")
	if err := os.WriteFile(client, []byte("#!/bin/sh\necho \"$1\" >> "+calls+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const dev = "lo" // there is one everywhere
	if undo, err := startDHCP(t.Context(), ifcfg.Step{Bond: dev, Command: []string{client, "-1"}}); err != nil || undo == nil {
		t.Fatal(err)
	}
	undo, err := endDHCP(t.Context(), ifcfg.Step{Bond: dev, Command: stopCommand(dev, false)})
	if err != nil || undo == nil || runsDHCP(dev, false) {
		t.Fatalf("stopped: %v, it runs: %v", err, runsDHCP(dev, false))
	}
	if err := undo(t.Context()); err != nil || !runsDHCP(dev, false) {
		t.Errorf("undone: %v, it runs: %v", err, runsDHCP(dev, false))
	}
	text, err := os.ReadFile(calls)
	if got := strings.Fields(string(text)); err != nil || strings.Join(got, " ") != "-1 -r -1" {
		t.Errorf("it was called %q, %v", got, err)
	}
}
