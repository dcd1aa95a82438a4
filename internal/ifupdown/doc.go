// Package ifupdown reads the bonds in Debian's /etc/network/interfaces and the
// files it sources: bond-slaves or bond-master, bond-mode, bond-miimon and any
// other bond-OPTION, with - or _, as ifenslave's hooks and ifupdown2 know them,
// and how the bond gets its addresses. What is to be done for them is ifcfg's to
// plan. Nothing is ever executed: commands (up, pre-up …) are noted.
//
//	lines.go     files, sources, and words with their lines
//	stanza.go    auto and iface stanzas
//	bonds.go     from stanzas to bonds and slaves
//	address.go   address, netmask, gateway
package ifupdown
