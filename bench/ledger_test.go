package bench

import (
	"strings"
	"testing"
)

func TestLedger(t *testing.T) {
	l := &Ledger{Title: "to B"}
	l.In("sender", "sent", 100)
	l.In("copies", "made on the way", 5)
	l.OutReasons("bond", map[string]uint64{"tx_no_slave": 2, "tx_full": 3, "tx_down": 0})
	l.Out("receiver", "received", 99)
	err := l.Check()
	if err == nil || !strings.Contains(err.Error(), "105 in, 104 out, difference 1") {
		t.Errorf("error %v: want a difference of 1", err)
	}
	l.Out("wire 0", "lost", 1)
	if err := l.Check(); err != nil {
		t.Errorf("closes, and yet: %v", err)
	}
	l.Out("wire 1", "lost", 2)
	if err := l.Check(); err == nil || !strings.Contains(err.Error(), "difference -2") {
		t.Errorf("error %v: want a difference of -2", err)
	}
	table := l.String()
	for _, want := range []string{"to B", "tx_no_slave", "tx_full", "sum"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if strings.Contains(table, "tx_down") {
		t.Errorf("a loss of nothing in\n%s", table)
	}
	if strings.Index(table, "tx_full") > strings.Index(table, "tx_no_slave") {
		t.Errorf("reasons out of order in\n%s", table)
	}
}
