// Package ifupdown reads the bonds in Debian's /etc/network/interfaces and the
// files it sources, in the words of ifenslave's hooks, Alpine, Proxmox and
// ifupdown2: bond-slaves or bond-master, bond-mode, bond-miimon and any other
// bond-OPTION, with - or _, and how the bond gets its addresses. What is to be done
// for them is ifcfg's to plan. Nothing is ever executed; of commands (up, pre-up …)
// those about bonding are read, the others noted. Every line has a fate
// (ifcfg.Fate): none is dropped in silence.
//
//	lines.go     files, sources, and words with their lines
//	stanza.go    auto and iface stanzas, and what they inherit
//	bonds.go     which stanza is a bond's, a slave's, or another
//	options.go   the lines of a bond
//	slaves.go    the lines of a slave, and those outside of stanzas
//	ports.go     lists of slaves, with ranges and patterns
//	command.go   lines of commands, taken apart
//	tools.go     what single commands do to bonds
//	stacked.go   VLANs, bridges and others
//	address.go   addresses and masks
//	gateway.go   the default route
package ifupdown
