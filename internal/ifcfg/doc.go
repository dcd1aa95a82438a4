// Package ifcfg reads the interface files of RHEL and its kin
// (/etc/sysconfig/network-scripts/ifcfg-*) as far as they make bonds, and works
// out what is to be done for them. SUSE's words for the same are known too.
//
// It is pure: files come from an fs.FS, the machine's state as a value (World),
// the outcome is a list of steps (Plan) that others carry out. Nothing in a file
// is ever executed: values are data, and what a shell would have to work out
// ($(…), variables) is a mistake.
//
//	shell.go    KEY=VALUE as a shell reads it, with lines
//	keys.go     which keys are acted on, which are none of our business
//	files.go    the folder: which files count
//	bond.go     what a bond's file says
//	slave.go    what a slave's file says
//	values.go   addresses, masks, numbers, yes and no
//	opts.go     BONDING_OPTS and module options, judged
//	set.go      files taken together: whose slave is who
//	build.go    sets of other kinds of files
//	world.go    what is there already
//	plan.go     from files and world to steps
//	members.go  which NICs the slaves' files mean
//	step.go     one step, and its line in ip's words
//	mistake.go  what is wrong, and where
package ifcfg
