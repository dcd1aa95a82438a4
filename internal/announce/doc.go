// Package announce tells the neighbours where a bond's addresses are after a
// failover: gratuitous ARP for IPv4, unsolicited neighbour advertisements for
// IPv6, for the bond and every device stacked on it; and tells multicast
// switches which groups are wanted here.
//
//	frames.go    the frames (pure)
//	targets.go   what there is to announce
//	notifier.go  how often and when (pure)
//	settle.go    again, for a port that opens late (pure)
//	report.go    IGMP and MLD reports (pure)
//	rejoin.go    which groups there are to report, how often and when
package announce
