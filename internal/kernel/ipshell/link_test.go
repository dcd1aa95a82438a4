package ipshell

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/labtest"
)

// An MTU or an address that a slave refuses is an error with the kernel's answer
// and the slave's name, and nothing that comes after it is done.
func TestRefusedLink(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		for _, line := range []string{"link set bond0 mtu 9000", "link set bond0 mtu 9000 alias later", "link set dev bond0 address 02:00:00:00:00:09 down"} {
			f := oneBond()
			f.refuse["link"] = &control.Error{Message: "bond0: (slave eth0): MTU 9000 refused, the bond stays at 1500: invalid argument", Errno: unix.EINVAL}
			status, out := f.run(t, strings.Fields(line)...)
			want := "RTNETLINK answers: Invalid argument\nbond0: (slave eth0): MTU 9000 refused, the bond stays at 1500: invalid argument\n"
			if status != exitKernel || out != want {
				t.Errorf("ip %s: %d %q", line, status, out)
			}
			if _, out := oneBond().run(t, "link", "show", "bond0"); strings.Contains(out, "alias later") || !strings.Contains(out, "UP") {
				t.Errorf("ip %s went on: %s", line, out)
			}
		}
	})
}
