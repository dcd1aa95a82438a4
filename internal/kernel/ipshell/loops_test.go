package ipshell

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
)

// A bond, or what is stacked on it, doesn't get into a bridge that is its slave, at any
// depth: the answer is the kernel's for a loop that it knows of.
func TestLoopsAreRefused(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		for _, line := range []string{
			"link add br9 type bridge", "link add br8 type bridge", "link add mv9 link br9 type macvlan", "link add mvb link bond0 type macvlan",
		} {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v %s", line, err, out)
			}
		}
		index := func(name string) int {
			i, err := net.InterfaceByName(name)
			if err != nil {
				t.Fatal(err)
			}
			return i.Index
		}
		f := oneBond()
		f.bonds[0].Index = index("bond0")
		f.bonds[0].Slaves = []bond.SlaveState{{Name: "mv9", Index: index("mv9"), State: "ACTIVE", MIIStatus: "UP"}}
		for _, c := range []struct {
			words  string
			status int
			out    string
		}{
			{"link set bond0 master br9", exitKernel, "RTNETLINK answers: Device or resource busy\n"},
			{"link set dev mvb master br9", exitKernel, "RTNETLINK answers: Device or resource busy\n"},
			{"link set mvb master br8", exitOK, ""}, // no loop
			{"link set mvb nomaster", exitOK, ""},
		} {
			if status, out := f.run(t, strings.Fields(c.words)...); status != c.status || out != c.out {
				t.Errorf("ip %s: %d %q, want %d %q", c.words, status, out, c.status, c.out)
			}
		}
	})
}
