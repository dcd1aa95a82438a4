// Package dump asks the kernel for lists again when they changed while it told
// them: links, addresses or filters that were there all the time may be missing
// from such a list (NLM_F_DUMP_INTR, netlink(7)).
package dump

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// tries is more than a machine that makes links without pause needs: a list
// takes some 0.1 ms.
const tries = 50

// Whole returns what list does, but asks again while the answer may be
// incomplete. If it never is whole the last answer comes with
// netlink.ErrDumpInterrupted.
func Whole[T any](list func() ([]T, error)) ([]T, error) {
	for try := 1; ; try++ {
		all, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || try == tries {
			return all, err
		}
	}
}
