// Package ipshell is the command ip, with tapbond's bonds in it. What is ours
// is done over the control API; everything else is the installed ip's, which
// also judges the words that are ours: its own messages are what a user gets
// for a word it would not accept.
//
//	shell.go    one command line: options, object, whose it is
//	globals.go  the options in front of the object
//	words.go    the words of `link add`, `set`, `del`
//	add.go set.go del.go show.go
//	judge.go    the installed ip's opinion of bond options
//	real.go     the installed ip
//	netns.go    -n, and what it means for us
//	batch.go    -batch
//	weave.go    the text of ip with our bonds woven in
//	monitor.go  ip monitor
//	tree.go     JSON that keeps its order
//	xstats.go   `link xstats`: LACP's counters
//	info.go info_ad.go   what ip says of a bond and of a slave
package ipshell
