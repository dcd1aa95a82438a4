package dump

import (
	"errors"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestWhole(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name    string
		answers []error // the last is repeated
		asked   int
		want    error
	}{
		{"whole", []error{nil}, 1, nil},
		{"third time whole", []error{netlink.ErrDumpInterrupted, netlink.ErrDumpInterrupted, nil}, 3, nil},
		{"never whole", []error{netlink.ErrDumpInterrupted}, tries, netlink.ErrDumpInterrupted},
		{"another error", []error{netlink.ErrDumpInterrupted, broken}, 2, broken},
	} {
		asked := 0
		got, err := Whole(func() ([]int, error) {
			asked++
			return []int{asked}, c.answers[min(asked, len(c.answers))-1]
		})
		if asked != c.asked || !errors.Is(err, c.want) || !slices.Equal(got, []int{asked}) {
			t.Errorf("%s: asked %d times, got %v, %v", c.name, asked, got, err)
		}
	}
}
