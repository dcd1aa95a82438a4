package ifcfg_test

import (
	"fmt"
	"testing/fstest"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/modconf"
)

func Example() {
	folder := fstest.MapFS{
		"ifcfg-bond0": {Data: []byte("DEVICE=bond0\nIPADDR=10.1.1.28\nNETMASK=255.255.255.0\nBONDING_OPTS=\"mode=0 miimon=100\"\n")},
		"ifcfg-eth0":  {Data: []byte("DEVICE=eth0\nMASTER=bond0\nSLAVE=yes\n")},
	}
	files, err := ifcfg.Read(folder, "/etc/sysconfig/network-scripts", nil, new(modconf.Config))
	if err != nil {
		fmt.Println(err)
		return
	}
	world := &ifcfg.World{Links: []ifcfg.Link{{Name: "eth0", Up: true}}}
	plan, err := files.Up([]string{"bond0"}, world, ifcfg.Rules{})
	if err != nil {
		fmt.Println(err) // every mistake in the files
		return
	}
	for _, step := range plan.Steps {
		fmt.Println(step)
	}
	// Output:
	// tapbond ip link add bond0 type bond mode balance-rr miimon 100
	// tapbond ip link set eth0 down
	// tapbond ip link set eth0 master bond0
	// tapbond ip link set bond0 up
	// tapbond ip addr add 10.1.1.28/24 broadcast + dev bond0
}
