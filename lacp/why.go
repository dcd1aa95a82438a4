package lacp

// Why says in a word why a port carries traffic or doesn't. The words are
// stable: JSON, events and metrics have them.
type Why string

// The words, roughly from the ground up: the first that holds is it.
const (
	WhyBondDown    Why = "bond_down"
	WhyLinkDown    Why = "link_down"
	WhyLeaving     Why = "leaving"
	WhyHalfDuplex  Why = "half_duplex"
	WhyFallback    Why = "fallback"    // carries traffic although it has no partner
	WhySelfLoop    Why = "self_loop"   // hears itself, or another port of this system
	WhySameSystem  Why = "same_system" // another system has our identifier
	WhyIllegal     Why = "illegal"     // hears only PDUs that must be dropped
	WhyNoPDU       Why = "no_pdu"      // hears no LACPDU (any more)
	WhyRate        Why = "rate"        // the partner speaks less often than was asked for
	WhyNoEcho      Why = "no_echo"     // the partner doesn't hear us
	WhyWrongEcho   Why = "wrong_echo"  // the partner hears somebody else
	WhyIndividual  Why = "individual"  // the partner won't aggregate, and another port is in use
	WhyDuplicate   Why = "duplicate_port_id"
	WhyKeyMismatch Why = "key_mismatch" // the partner has the port in another channel group
	WhySpeed       Why = "speed_mismatch"
	WhyTwoPartners Why = "two_partners"
	WhyStandby     Why = "standby" // max_links
	WhyWaiting     Why = "waiting" // for aggregate_wait_time, or for the ports that wait with it
	WhyPartnerOOS  Why = "partner_oos"
	WhyPartnerNotC Why = "partner_not_collecting"
	WhyOK          Why = "ok"
)
