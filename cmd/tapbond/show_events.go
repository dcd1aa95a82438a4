package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/plain"
	"github.com/tapbond/tapbond/policy"
)

// strangers prints what others put on slaves.
func (s *screen) strangers() {
	for _, x := range s.st.Slaves {
		if len(x.Addresses) > 0 {
			s.group("warning", fmt.Sprintf("%s has %s: on a slave it can't work, it belongs on %s", x.Name, strings.Join(x.Addresses, ", "), s.st.Name))
		}
	}
}

// shownOutages is how many of a slave's outages the screen has room for.
const shownOutages = 3

// outages prints when links failed, for how long and why.
func (s *screen) outages() {
	first := true
	for _, x := range s.st.Slaves {
		shown := x.Outages
		if !s.verbose {
			shown = shown[max(len(shown)-shownOutages, 0):]
		}
		for _, o := range shown {
			if first {
				fmt.Fprintln(s.w)
				first = false
			}
			length := "until now"
			if !o.Until.IsZero() {
				length = "for " + ago(o.Until, o.Since)
			}
			s.field("outage", fmt.Sprintf("%s: %s ago, %s (%s)", x.Name, ago(s.now, o.Since), length, o.Why))
		}
	}
}

// queueIDs prints what the slaves' queues get: a queue id alone moves nothing.
func (s *screen) queueIDs() {
	for _, x := range s.st.Slaves {
		label := fmt.Sprintf("queue_id %d", x.QueueID)
		switch {
		case x.QueueID == 0:
			continue
		case s.st.QueueIDs != "":
			s.group(label, x.Name+": no effect, "+s.st.QueueIDs)
		case x.QueueFrames == 0:
			s.group(label, fmt.Sprintf("%s: nothing was mapped to it so far (tc filter … action skbedit queue_mapping %d)", x.Name, x.QueueID))
		default:
			s.group(label, fmt.Sprintf("%s: %s mapped to it", x.Name, plain.Count(x.QueueFrames, "frame")))
		}
	}
}

func (s *screen) drops() {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(s.st.Drops)) {
		if name == policy.RxSlowProto.String() && s.st.AD != nil {
			continue // LACP receives them on a socket of its own: nothing is lost
		}
		lines = append(lines, fmt.Sprintf("%s %d", name, s.st.Drops[name]))
	}
	for _, x := range s.st.Slaves {
		if x.SocketDrops > 0 {
			lines = append(lines, fmt.Sprintf("%s socket %d", x.Name, x.SocketDrops))
		}
	}
	if len(lines) > 0 {
		s.group("dropped", strings.Join(lines, ", "))
	}
}
