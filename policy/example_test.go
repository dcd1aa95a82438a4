package policy_test

import (
	"fmt"

	"github.com/tapbond/tapbond/policy"
)

// lastOctet sends to each neighbour by the last octet of its MAC address, so
// that an operator can tell by looking which slave serves whom. This is all
// there is to a policy: one type with one method.
type lastOctet struct{}

func (lastOctet) Select(s *policy.Snapshot, _ *policy.Queue, f *policy.Frame) (int, policy.Reason) {
	if len(s.Usable) == 0 {
		return -1, policy.TxNoSlave
	}
	dst := f.Dst()
	return s.Usable[int(dst[5])%len(s.Usable)], policy.None
}

func Example() {
	bond := &policy.Snapshot{
		Slaves: []policy.Slave{{CanTx: true, Up: true}, {}, {CanTx: true, Up: true}},
		Usable: []int{0, 2},
		Active: -1,
	}
	worker := policy.NewQueue(1)

	var selector policy.Selector = lastOctet{}
	var frame policy.Frame
	for _, neighbour := range []byte{0x10, 0x11, 0x12} {
		octets := make([]byte, 60)
		copy(octets, []byte{2, 0, 0, 0, 0, neighbour, 2, 0, 0, 0, 0, 1, 0x08, 0x00})
		if !frame.Decode(octets) {
			continue
		}
		slave, drop := selector.Select(bond, worker, &frame)
		fmt.Printf("%x: slave %d, drop %v\n", frame.Dst(), slave, drop)
	}

	bond.Usable = nil
	slave, drop := selector.Select(bond, worker, &frame)
	fmt.Printf("%x: slave %d, drop %v\n", frame.Dst(), slave, drop)
	// Output:
	// 020000000010: slave 0, drop none
	// 020000000011: slave 2, drop none
	// 020000000012: slave 0, drop none
	// 020000000012: slave -1, drop tx_no_slave
}

func ExampleFrame_Explain() {
	octets := []byte{
		2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 1, 0x08, 0x06, // ARP
	}
	var frame policy.Frame
	frame.Decode(octets)
	fmt.Print(frame.Explain(policy.Layer34))
	// Output:
	// layer3+4
	//   no whole IP header: as layer2
	//   dst mac    02:00:00:00:00:0a
	//   src mac    02:00:00:00:00:01
	//   ethertype  0x0806
	//   H = 0x0000080d  dst mac[5] ^ src mac[5] ^ ethertype
}
