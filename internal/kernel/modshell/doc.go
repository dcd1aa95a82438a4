// Package modshell is modprobe, insmod, rmmod and lsmod for the bonding module: what
// they do to the kernel's, it does to the daemon. Everything about other modules
// is handed to the installed commands.
//
//	shell.go     Shell; insmod and rmmod
//	modprobe.go  modprobe: whose is it, load, unload
//	lsmod.go     lsmod
//	flags.go     their command lines
//	params.go    parameters from modprobe's configuration and the command line
package modshell
