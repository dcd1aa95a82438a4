package bond

import "time"

// A link that flaps a hundred times a second would fill the log with lines that
// all say the same. After the first few, lines about one slave's link come at
// most once a second; each tells how many were left out before it, and the last
// of a burst is always written. The event stream has them all.
const (
	quietAfter = 6 // lines at a time that are written whatever they are
	quietEvery = time.Second
)

// refusedCause stands for a bond's refused options as a cause of their own: a client
// may ask for the same nonsense thousands of times a second.
const (
	refusedCause = "\x00refused"
	refusedAfter = 64
)

// noisy are the events that a flapping link causes.
var noisy = map[string]bool{
	"link_fail": true, "link_back": true, "link_down": true, "link_up": true,
	"active_change": true, "carrier_up": true, "carrier_down": true,
}

// quiet decides which events become lines of the log.
type quiet struct {
	// causes are the slaves whose links changed, by bond and name; what follows
	// from a change (another active slave, no carrier) is counted as its own.
	causes map[[2]string]*allowance
	last   map[string]string // by bond: whose link changed last
}

// allowance is what one slave may still say.
type allowance struct {
	left    int
	full    int       // bounds left
	since   time.Time // of the latest addition to left
	waiting *Event    // the latest of those left out
	out     int       // how many were left out since the last line
}

func newQuiet() *quiet {
	return &quiet{causes: make(map[[2]string]*allowance), last: make(map[string]string)}
}

// admit reports whether e is to be written now, and how many were left out
// before it.
func (q *quiet) admit(e *Event) (ok bool, leftOut int) {
	if e.Kind == "delete" { // a bond of that name that comes is another one
		q.forget(e.Bond)
	}
	if e.Kind == refusedKind {
		return q.allow(e, [2]string{e.Bond, refusedCause}, refusedAfter)
	}
	if !noisy[e.Kind] {
		return true, 0
	}
	if e.Slave != "" && e.Kind != "active_change" {
		q.last[e.Bond] = e.Slave
	}
	return q.allow(e, [2]string{e.Bond, q.last[e.Bond]}, quietAfter)
}

// allow counts e against the allowance of a cause, which begins and is full with
// that many lines.
func (q *quiet) allow(e *Event, key [2]string, full int) (ok bool, leftOut int) {
	a := q.causes[key]
	if a == nil {
		a = &allowance{left: full, full: full, since: e.Time}
		q.causes[key] = a
	}
	a.earn(e.Time)
	if a.left == 0 {
		kept := *e
		a.waiting, a.out = &kept, a.out+1
		return false, 0
	}
	leftOut, a.out, a.waiting = a.out, 0, nil
	a.left--
	return true, leftOut
}

func (q *quiet) forget(bond string) {
	delete(q.last, bond)
	for key := range q.causes {
		if key[0] == bond {
			delete(q.causes, key)
		}
	}
}

func (a *allowance) earn(now time.Time) {
	if n := int(now.Sub(a.since) / quietEvery); n > 0 {
		a.left = min(a.left+n, a.full)
		a.since = a.since.Add(time.Duration(n) * quietEvery)
	}
}

// waits reports whether something left out is still to be written.
func (q *quiet) waits() bool {
	for _, a := range q.causes {
		if a.waiting != nil {
			return true
		}
	}
	return false
}

// due hands what was left out last and may be written by now to write; with all
// whatever waits. Causes of which nothing is left to remember are forgotten.
func (q *quiet) due(now time.Time, all bool, write func(e *Event, leftOut int)) {
	for key, a := range q.causes {
		a.earn(now)
		if a.waiting != nil && (a.left > 0 || all) {
			e := a.waiting
			a.waiting, a.left = nil, max(a.left-1, 0)
			write(e, a.out-1)
			a.out = 0
		}
		if a.waiting == nil && a.left == a.full {
			delete(q.causes, key)
		}
	}
}
