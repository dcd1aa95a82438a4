package ipshell

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/labtest"
)

// A daemon that keeps its socket in another folder is named: what it alone can do is
// refused, and everything else works as with the installed ip.
func TestDaemonElsewhere(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		real, err := installed.Find("ip")
		if err != nil {
			t.Fatal(err)
		}
		for line, want := range map[string]int{
			"-br link show":                    exitOK,
			"link set eth1 mtu 1400":           exitOK,
			"link set eth1 master bond0":       exitKernel,
			"link set bond0 type bond mode 1":  exitKernel,
			"link set eth0 nomaster":           exitKernel,
			"link show type bond":              exitOK,
			"link add bond1 type bond":         exitKernel,
			"link xstats type bond":            exitKernel,
			"link set bond0 address 2:0:0:0:0": exitKernel,
		} {
			var errs bytes.Buffer
			s := &Shell{
				Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &errs, Real: real,
				Connect: func(context.Context) (Client, error) {
					return nil, &control.BusyError{PID: 7, Dir: "/run/a/ns-1", Own: "/run/b/ns-1"}
				},
			}
			status := s.Run(t.Context(), strings.Fields(line))
			const says = "another tapbond serves this network namespace: process 7, which keeps its files in /run/a/ns-1, not in /run/b/ns-1; use that one (TAPBOND_RUN=/run/a"
			if status != want || strings.Count(errs.String(), says) != 1 {
				t.Errorf("ip %s: %d, want %d: %s", line, status, want, errs.String())
			}
		}
	})
}
