// Package daemon is the life of the process that serves the bonds of one
// network namespace.
//
//	run.go      one life: take over, serve, undo
//	start.go    from outside: find the daemon, start one where none runs
//	detach.go   nothing of a starting command's surroundings is kept
//	netns.go    is the namespace still there for anybody?
//	logfile.go  where a daemon without a terminal writes
//	journal.go  events on disk, which outlive the process
//	history.go  logs and journals of daemons that are no more
package daemon
