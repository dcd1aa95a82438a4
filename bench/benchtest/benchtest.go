// Package benchtest builds labs for tests: named after the test, taken down with
// it, and checked to leave nothing behind.
package benchtest

import (
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/internal/labtest"
)

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// Name is the lab's name of a test: readable, and different for different
// tests and checkouts, so that a later run finds what a killed one left.
func Name(t testing.TB) string {
	dir, _ := os.Getwd()
	sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(dir+t.Name()))), 36)
	name := notName.ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "-")
	return strings.Trim(name[:min(len(name), 24)], "-") + "-" + sum
}

// Build makes a lab for the test and closes it at the test's end. It needs
// root. A name in the topology is added to the test's: for tests with more
// than one lab.
func Build(t testing.TB, topology lab.Topology) *lab.Lab {
	t.Helper()
	labtest.NeedRoot(t)
	if topology.Name = Name(t) + "-" + topology.Name; strings.HasSuffix(topology.Name, "-") {
		topology.Name = Name(t)
	}
	l, err := lab.Build(t.Context(), topology)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob("/run/netns/tblab." + topology.Name + ".*"); len(left) > 0 {
			t.Errorf("namespaces left: %v", left)
		}
	})
	return l
}

// Addressed is Build with A's eth0 and B's eth0 up and addressed: traffic over
// one link, without any bond.
func Addressed(t testing.TB, topology lab.Topology) *lab.Lab {
	t.Helper()
	l := Build(t, topology)
	if err := l.A.QuietIPv6(); err != nil {
		t.Fatal(err)
	}
	if err := l.A.Up("eth0"); err != nil {
		t.Fatal(err)
	}
	if err := l.AssignBoth("eth0", "eth0"); err != nil {
		t.Fatal(err)
	}
	if err := l.AwaitSilence(t.Context(), 60*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	return l
}
