package control

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/modparam"
)

// Limits of the words in a request. What is longer is refused before anything
// judges it, keeps it or logs it: no name or value of the driver's is as long.
const (
	maxName   = 64
	maxValue  = 4096 // a page, all that a file of sysfs takes
	maxWords  = 256  // options of a request, parameters of a module
	shownWord = 32
)

// cut shortens text for a message or a line of the log.
func cut(text string, limit int) string { return bond.Cut(text, limit) }

func tooLong(what, word string, limit int) error {
	return &Error{Message: fmt.Sprintf("%s %q of %d bytes is too long; at most %d are taken", what, cut(word, shownWord), len(word), limit), Errno: unix.EINVAL}
}

func tooManyWords(what string, n int) error {
	return &Error{Message: fmt.Sprintf("%d %s are too many; at most %d are taken", n, what, maxWords), Errno: unix.E2BIG}
}

// boundOptions refuses options with words too long to be any.
func boundOptions(opts []option.Assign) error {
	if len(opts) > maxWords {
		return tooManyWords("options", len(opts))
	}
	for _, o := range opts {
		switch {
		case len(o.Option) > maxName:
			return tooLong("option", o.Option, maxName)
		case len(o.Slave) > maxName:
			return tooLong("slave", o.Slave, maxName)
		case len(o.Value) > maxValue:
			return tooLong("option "+o.Option+": value", o.Value, maxValue)
		}
	}
	return nil
}

// boundParameters does the same for the module's.
func boundParameters(params []modparam.Param) error {
	if len(params) > maxWords {
		return tooManyWords("parameters", len(params))
	}
	for _, p := range params {
		switch {
		case len(p.Name) > maxName:
			return tooLong("parameter", p.Name, maxName)
		case len(p.Value) > maxValue:
			return tooLong("parameter "+p.Name+": value", p.Value, maxValue)
		}
	}
	return nil
}

// flag reads a query parameter that is true or false.
func flag(r *http.Request, name string, otherwise bool) (bool, error) {
	q := r.URL.Query().Get(name)
	if q == "" {
		return otherwise, nil
	}
	v, err := strconv.ParseBool(q)
	if err != nil {
		return false, &Error{Message: fmt.Sprintf("%s: %q is neither true nor false", name, cut(q, shownWord)), Errno: unix.EINVAL}
	}
	return v, nil
}

// known refuses query parameters that a request does not have.
func known(r *http.Request, names ...string) error {
	for name := range r.URL.Query() {
		if slices.Contains(names, name) {
			continue
		}
		takes := "it takes none"
		if len(names) > 0 {
			takes = "it takes " + strings.Join(names, ", ")
		}
		return &Error{Message: fmt.Sprintf("%s: query parameter %q is unknown; %s", r.URL.Path, cut(name, shownWord), takes), Errno: unix.EINVAL}
	}
	return nil
}
