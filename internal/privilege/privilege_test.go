package privilege

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLack(t *testing.T) {
	for _, c := range []struct {
		wants     Capability
		effective uint64
		initial   bool
		says      string
	}{
		{NetRaw, 0, true, "needs CAP_NET_RAW, which this process lacks"},
		{NetRaw, 1 << unix.CAP_NET_ADMIN, true, "needs CAP_NET_RAW, which this process lacks"},
		{NetRaw, 1 << unix.CAP_NET_RAW, true, "needs CAP_NET_RAW, which this process has: something else forbids it, such as a security module, seccomp or lockdown"},
		{NetAdmin, 0, false, "needs CAP_NET_ADMIN in the user namespace that owns the network namespace; this process lacks it"},
		{NetAdmin, 1 << unix.CAP_NET_ADMIN, false, "needs CAP_NET_ADMIN in the user namespace that owns the network namespace"},
		{BPF, ^uint64(0), false, "needs CAP_BPF in the initial user namespace; this process is in another one"},
		{BPF, 0, true, "needs CAP_BPF, which this process lacks"},
	} {
		if got := lack(c.wants, c.effective, c.initial); got != c.says {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestExplain(t *testing.T) {
	err := fmt.Errorf("packet socket: %w", unix.EPERM)
	got := Explain(err, NetRaw)
	if !errors.Is(got, unix.EPERM) || !strings.HasPrefix(got.Error(), "packet socket: operation not permitted (needs CAP_NET_RAW") {
		t.Error(got)
	}
	for _, other := range []error{nil, unix.EBUSY} {
		if got := Explain(other, NetRaw); got != other {
			t.Errorf("%v became %v", other, got)
		}
	}
}

func TestIsIdentity(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": true, "0 1000 1\n": false, "0 0 1000\n1000 5000 1\n": false, "": false,
	} {
		if got := isIdentity(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
