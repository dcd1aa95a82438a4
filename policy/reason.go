package policy

// Reason says why a frame was dropped. Every drop of the datapath, both ways,
// is counted under exactly one.
type Reason uint8

// Reasons. The tx ones are frames from the host, the rx ones frames from a slave.
const (
	None        Reason = iota
	TxNoSlave          // no slave can transmit
	TxNoActive         // the mode has an active slave and there is none
	TxRunt             // shorter than an Ethernet header
	TxFull             // slave could not take the frame (queue full)
	TxDown             // slave down or gone while sending
	TxTooBig           // longer than the slave's MTU allows
	TxInvalid          // the slave's kernel refused the frame
	TxFailed           // any other send error
	TxBondDown         // the bond is administratively down
	RxInactive         // received on an inactive slave
	RxOwnSource        // our own frame came back
	RxSlowProto        // Slow Protocols frame, taken by the control socket
	RxLinkLocal        // 01:80:c2:00:00:0X on an inactive slave: stays on the slave
	RxRunt             // shorter than an Ethernet header
	RxTruncated        // longer than the receive buffer
	RxMalformed        // offload header that cannot be honoured
	RxTapFull          // the TAP could not take the frame
	RxTapDown          // the TAP is down
	RxTapFailed        // any other TAP write error
	RxBondDown         // the bond is administratively down
	RxARPFlood         // more ARP than the host has a use for, in balance-tlb and -alb
	RxDuplicate        // another slave delivered it, while the active role moved
	NumReasons         // number of reasons, for arrays
)

var reasonNames = [NumReasons]string{
	"none", "tx_no_slave", "tx_no_active", "tx_runt", "tx_full", "tx_down", "tx_too_big",
	"tx_invalid", "tx_failed", "tx_bond_down", "rx_inactive", "rx_own_source", "rx_slow_proto",
	"rx_link_local", "rx_runt", "rx_truncated", "rx_malformed", "rx_tap_full", "rx_tap_down",
	"rx_tap_failed", "rx_bond_down", "rx_arp_flood", "rx_duplicate",
}

// String is the name used in show, JSON and metrics.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return "unknown"
}
