// Package ifenslave is the ifenslave command: it gives NICs to a bond and takes
// them away, in the way of the program that came with the kernel, with its checks,
// complaints and statuses.
//
//	flags.go  the command line
//	shell.go  Shell: which of its works is asked for
//	work.go   enslave, detach, change the active slave
//	show.go   -a and a bond's name alone
//	host.go   what is done to the NICs
package ifenslave
