package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceness of a running bond: before the programs whose frames it carries. The
// kernel's bond does its work in their system calls or in interrupts, where
// nobody can take the processor away from it.
const niceness = -10

// preferSelf raises the process as far as it may. Niceness belongs to threads:
// those that are there get it here, later ones inherit it.
func preferSelf() {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, niceness) // not permitted: then not
		}
	}
}
