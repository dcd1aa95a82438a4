package contest

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"

	"github.com/tapbond/tapbond/bench/lab"
)

// DPDK is testpmd forwarding between a TAP and DPDK's bond over packet sockets.
// It polls: one processor is busy whatever there is to do, and its processor
// time is that.
func DPDK() Contender {
	return Contender{
		Name: "dpdk", Plain: true,
		Note: "testpmd, DPDK's bond over af_packet; one processor always spins; notices no lost carrier; offloads off at both ends, or it carries nothing",
		Does: []Kind{Single, Idle, Flows, Limited, RoundRobin},
		Missing: func(context.Context) error {
			if _, err := exec.LookPath("dpdk-testpmd"); err != nil {
				return fmt.Errorf("not installed (package dpdk-dev): %w", err)
			}
			if runtime.NumCPU() < 2 {
				return fmt.Errorf("testpmd wants two processors")
			}
			return nil
		},
		Start: startDPDK,
	}
}

// dpdkMode is DPDK's number of a mode, which is the kernel's, and its words for
// the hash.
func dpdkMode(k Kind) string {
	switch mode, _ := k.mode(); mode {
	case "balance-rr":
		return "mode=0"
	case "balance-xor":
		return "mode=2,xmit_policy=l34"
	}
	return "mode=1"
}

func startDPDK(ctx context.Context, l *lab.Lab, k Kind) (*Running, error) {
	if err := slavesUp(l); err != nil {
		return nil, err
	}
	// Ports are numbered in the order of the devices: slaves, TAP, bond.
	args := []string{"-oL", "dpdk-testpmd", "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--log-level=4", "-l", "0,1"}
	bond := "--vdev=net_bonding0," + dpdkMode(k)
	slaves := slaveNames(l)
	for i, name := range slaves {
		args = append(args, fmt.Sprintf("--vdev=net_af_packet%d,iface=%s", i, name))
		bond += fmt.Sprintf(",slave=net_af_packet%d", i)
	}
	args = append(args, "--vdev=net_tap0,iface="+bondName, bond,
		"--", fmt.Sprintf("--portlist=%d,%d", len(slaves), len(slaves)+1), "--forward-mode=io",
		// With statistics it doesn't read its input, which has an end.
		"--stats-period=3600", "--total-num-mbufs=16384")
	r, err := startLoop(ctx, l, "stdbuf", args, "forwards packets")
	if err != nil {
		return nil, err
	}
	return r, l.A.Up(bondName)
}
