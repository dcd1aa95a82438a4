// Package modconf reads what modprobe's configuration says about the bonding
// module: under which names it may be asked for (alias), and the parameters it
// is to be given (options). It reads files and changes nothing.
//
//	modconf.go  Config and what can be asked of it
//	files.go    which files count, in which order
//	boot.go     what is loaded at boot: /etc/modules, modules-load.d
//	parse.go    lines, words and what each directive means
package modconf
