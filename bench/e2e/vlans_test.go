package e2e

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bench/guest"
)

//go:embed testdata/relations.sh
var relationsScript string

// What is stacked on a bond, over NICs whose drivers filter VLANs and on a kernel with
// VLAN devices, VLAN-aware bridges and VRFs.
func TestStackedOnTheBond(t *testing.T) {
	needGuest(t)
	waits(t)
	program := filepath.Join(t.TempDir(), "tapbond") // without the race detector: the guest's processor is emulated
	build := exec.Command("go", "build", "-o", program, "../../cmd/tapbond")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v %s", err, out)
	}
	out, err := guest.Script(t.Context(), guest.Config{
		NICs: guest.NICs("virtio-net-pci", 3), Modules: []string{"vrf"}, Files: []string{program}, Memory: 512,
	}, 4*time.Minute, relationsScript)
	if err != nil {
		t.Fatal(err, out)
	}
	want := `VLAN: yes
VLAN in a VLAN: yes
VLAN in another namespace: yes
that namespace is gone: yes
registered: 2
  vlan filter   eth0, eth1: VLAN 10 passes by VLAN devices on it
after a failover: yes
made while nobody ran: yes
deleted: yes
released: yes
cleaned up: yes
express: yes
gone with the bond: yes
bridge: yes
announced in VLAN 10: yes
probes in a VRF: yes
`
	if diff := cmp.Diff(want, strings.TrimLeft(out, "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
