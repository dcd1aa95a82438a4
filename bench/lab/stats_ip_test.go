package lab_test

import (
	"errors"
	"testing"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
)

// Each echo request that a host gets is a packet for its stack.
func TestIPReceived(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	slave := l.Link(0).Slave()
	if err := errors.Join(l.A.Up(slave), l.AssignBoth(slave, "eth0")); err != nil {
		t.Fatal(err)
	}
	before, err := l.B.IPReceived()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := l.A.Command(t.Context(), "ping", "-q", "-c", "5", "-i", "0.01", lab.AddrB4.Addr().String()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	after, err := l.B.IPReceived()
	if err != nil || after < before+5 || after > before+10 {
		t.Errorf("%d packets before, %d after 5 echo requests: %v", before, after, err)
	}
}
