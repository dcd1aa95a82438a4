package explain

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bond"
)

// Slave is why a slave carries traffic or doesn't.
type Slave struct {
	Bond    string   `json:"bond"`
	Slave   string   `json:"slave"`
	Carries bool     `json:"carries"`
	Reasons []string `json:"reasons"` // the decisive one first
}

// OfSlave explains a slave of one of the bonds; false if none has it.
func OfSlave(bonds []bond.State, name string, now time.Time) (Slave, bool) {
	for i := range bonds {
		for j := range bonds[i].Slaves {
			if s := &bonds[i].Slaves[j]; s.Name == name {
				e := Slave{Bond: bonds[i].Name, Slave: name, Carries: s.Carries}
				e.reason(&bonds[i], s, now)
				return e, true
			}
		}
	}
	return Slave{}, false
}

func (e *Slave) say(format string, args ...any) {
	e.Reasons = append(e.Reasons, fmt.Sprintf(format, args...))
}

func (e *Slave) reason(st *bond.State, s *bond.SlaveState, now time.Time) {
	since := now.Sub(s.Since).Truncate(time.Millisecond)
	if !st.Up {
		e.say("%s is administratively down (ip link set %s up)", st.Name, st.Name)
	}
	switch s.MIIStatus {
	case "DOWN":
		e.say("its link is down since %v: %s", since, s.Why)
		if s.Carrier && probed(st) {
			e.say("it has carrier, but the monitor hears nothing that counts (targets %s, arp_validate %s)", targets(st), st.Settings["arp_validate"])
		} else if s.Carrier {
			e.say("it has carrier now: the link monitor has yet to see it")
		} else {
			e.say("there is no carrier: it is set down, the cable is out, or the other end is down")
		}
	case "GOING_BACK", "GOING_DOWN":
		if probed(st) { // which has no delays
			e.say("its link isn't up, since %v: %s", since, s.Why)
			break
		}
		if s.MIIStatus == "GOING_DOWN" {
			e.say("its carrier went away %v ago and it is given up after downdelay, %s ms", since, st.Settings["downdelay"])
			break
		}
		e.say("its carrier came back %v ago and has to last for updelay, %s ms", since, st.Settings["updelay"])
	default:
		e.say("its link is up since %v: %s", since, s.Why)
	}
	if s.AD != nil {
		e.lacp(st, s, now)
	} else if st.Mode == "active-backup" {
		e.role(st, s, now)
	} else if s.Carries {
		e.say("in %s every slave whose link is up carries traffic", st.Mode)
	}
	if f := s.VLANFilter; f != nil {
		e.say("its NIC filters VLANs: %s", f)
	}
	if s.Failures > 0 {
		e.say("its link has failed %d times since it was enslaved", s.Failures)
	}
	if s.SocketDrops > 0 {
		e.say("%d frames were lost because its receive socket had no room", s.SocketDrops)
	}
}

// probed: the ARP and NS monitor decides, not the carrier alone.
func probed(st *bond.State) bool {
	v := st.Settings["arp_interval"]
	return v != "" && v != "0" && targets(st) != ""
}

// targets are what is probed, in one list.
func targets(st *bond.State) string {
	return strings.Trim(st.Settings["arp_ip_target"]+","+st.Settings["ns_ip6_target"], ",")
}

// role is what active-backup adds.
func (e *Slave) role(st *bond.State, s *bond.SlaveState, now time.Time) {
	since := now.Sub(st.ActiveAt).Truncate(time.Millisecond)
	switch {
	case st.Active == s.Name:
		e.say("it is the active slave since %v: %s", since, st.ActiveWhy)
		return
	case st.Active == "":
		e.say("there is no active slave")
		return
	}
	e.say("it is a backup: %s is the active slave since %v (%s)", st.Active, since, st.ActiveWhy)
	if s.MIIStatus != "UP" {
		return
	}
	var active bond.SlaveState
	for _, x := range st.Slaves {
		if x.Name == st.Active {
			active = x
		}
	}
	primary, reselect := st.Settings["primary"], st.Settings["primary_reselect"]
	switch {
	case primary == s.Name && reselect != "always":
		e.say("it is the primary, but primary_reselect %s lets %s keep the role", reselect, st.Active)
	case primary == st.Active:
		e.say("%s is the primary", primary)
	case active.Prio > s.Prio:
		e.say("%s has the higher prio, %d against %d", st.Active, active.Prio, s.Prio)
	case active.Prio == s.Prio:
		e.say("both have prio %d: who has the role keeps it", s.Prio)
	default:
		e.say("its prio is higher, %d against %d, but primary_reselect is %s", s.Prio, active.Prio, reselect)
	}
}

// Write prints it for people.
func (e *Slave) Write(w io.Writer) {
	verdict := "does not carry traffic"
	if e.Carries {
		verdict = "carries traffic"
	}
	fmt.Fprintf(w, "%s: %s %s\n", e.Bond, e.Slave, verdict)
	for _, r := range e.Reasons {
		fmt.Fprintf(w, "  %s\n", r)
	}
}
