package main

import (
	"errors"
	"fmt"
	"os"
)

// errSaid ends a command that has told the user what went wrong itself.
var errSaid = errors.New("")

// exitStatus is an error with an exit status of its own. Others are 1.
type exitStatus struct {
	status int
	error
}

func (e exitStatus) Unwrap() error { return e.error }

// ended prints an error, unless the user knows of it, and returns the status to
// exit with.
func ended(err error) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSaid) {
		fmt.Fprintln(os.Stderr, "tapbond:", err)
	}
	var with exitStatus
	if errors.As(err, &with) {
		return with.status
	}
	return 1
}
