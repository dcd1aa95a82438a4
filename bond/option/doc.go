// Package option knows every setting of a bond and of its slaves: names,
// values, ranges, defaults, when each may be set, what a set changes, and how
// each is read back. It is pure: it opens nothing and keeps nothing. The
// situation of the bond is an argument (Env), the outcome is a value (Result).
//
// The measure is the bonding driver of Linux 6.1: the order of its checks, its
// errnos and the wording of its log. The tests replay recordings of that
// driver; each difference is listed with its reason in testdata/deviations.txt.
//
//	table.go    Option, the description of one setting; lookup by name
//	entries.go  the table itself, in the order a request is applied
//	support.go  which settings have no engine behind them yet
//	values.go   Values, the settings of one bond, and its defaults
//	target.go   what is probed, in which VLANs
//	parse.go    from text to number, as the driver reads it
//	env.go      Env and Assign: the situation and the request
//	apply.go    Apply: the common checks, all or nothing
//	set_*.go    what each option does when it is set
//	effect.go   Effect: what the engine must carry out after a set
//	errors.go   Error: errno, log lines, extack text
//	format.go   read forms of sysfs and word forms of ip
//	words.go    command lines: "mode active-backup miimon 100"
//	masters.go  writes to bonding_masters
package option
