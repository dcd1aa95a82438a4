package bond

import (
	"fmt"
	"time"

	"github.com/tapbond/tapbond/internal/plain"
	"github.com/tapbond/tapbond/lacp"
)

// lag judges a bond in 802.3ad: a link that is up is worth nothing without a
// partner.
func (j *judgement) lag() {
	st := j.st
	carry, standby, all := 0, 0, len(st.Slaves)
	for i := range st.Slaves {
		switch s := &st.Slaves[i]; {
		case s.Carries:
			carry++
		case s.AD != nil && s.AD.Why == lacp.WhyStandby:
			standby++
		}
	}
	carrying := fmt.Sprintf("%d of %s carrying traffic", carry, plain.Count(all, "slave"))
	j.summaries[WordHealthy] = carrying
	if standby > 0 {
		j.summaries[WordHealthy] += fmt.Sprintf(", %d on standby (max_links %s)", standby, st.Settings["max_links"])
	}
	j.summaries[WordDegraded], j.summaries[WordWaiting] = carrying, carrying
	missing := WordDegraded
	if carry == 0 {
		missing = WordFailed
		j.summaries[WordFailed] = noneOf(all, "carries traffic", "carries no traffic")
	} else if !st.Carrier {
		j.add(WordFailed, "", fmt.Sprintf("%s, fewer than min_links %s: no carrier", carrying, st.Settings["min_links"]), "restore the other slaves, or lower min_links")
		j.summaries[WordFailed] = j.causes[0].Text
	}
	for i := range st.Slaves {
		j.port(&st.Slaves[i], missing)
	}
	if carry == 0 {
		j.summaries[WordWaiting] = "LACP negotiates"
	}
	j.waitTogether()
}

// port judges one slave of a bond in 802.3ad.
func (j *judgement) port(s *SlaveState, missing Word) {
	switch {
	case s.AD == nil || s.MIIStatus != "UP":
		j.link(s, missing)
	case s.AD.Fallback:
		j.add(WordDegraded, s.Name, s.Name+" is used without LACP: no partner answers", adviceLACP(lacp.WhyNoPDU))
		j.summaries[WordDegraded] = "no partner speaks LACP, " + j.summaries[WordDegraded]
	case s.Carries && s.AD.Why != lacp.WhyIllegal || s.AD.Why == lacp.WhyStandby:
	case j.negotiates(s):
		since := j.now.Sub(j.eligibleAt(s))
		j.add(WordWaiting, s.Name, fmt.Sprintf("%s negotiates LACP since %s: %s", s.Name, plain.Duration(since), s.AD.Reason),
			"wait: it takes 1 to 3 s, and up to 30 s with a slow partner; then tapbond explain slave "+s.Name)
	default:
		j.add(missing, s.Name, fmt.Sprintf("%s: %s: %s", s.Name, s.AD.Why, s.AD.Reason), adviceLACP(s.AD.Why))
	}
}

// eligibleAt is when the port could begin to negotiate.
func (j *judgement) eligibleAt(s *SlaveState) time.Time {
	if j.st.UpAt.After(s.Since) {
		return j.st.UpAt
	}
	return s.Since
}

// negotiates: the port's link is so young that LACP may still be at it.
func (j *judgement) negotiates(s *SlaveState) bool {
	return j.now.Sub(j.eligibleAt(s)) < negotiationTime
}

// waitTogether: while any port negotiates, links that are down don't make the
// bond failed: it has yet to begin.
func (j *judgement) waitTogether() {
	waits := false
	for _, c := range j.causes {
		waits = waits || c.Word == WordWaiting
	}
	if !waits {
		return
	}
	for i := range j.causes {
		if c := &j.causes[i]; c.Word == WordFailed && c.Slave != "" {
			c.Word = WordWaiting
		}
	}
}

// advicesLACP is what to do about a port, by its diagnosis.
var advicesLACP = map[lacp.Why]string{
	lacp.WhyHalfDuplex:  "set the port to full duplex at both ends",
	lacp.WhySelfLoop:    "look for a loop: two ports of this bond on one cable, or a device that floods LACPDUs",
	lacp.WhySameSystem:  "two systems have one identifier: set ad_actor_system",
	lacp.WhyIllegal:     "the partner's LACPDUs are dropped: tapbond show -v has the reasons",
	lacp.WhyRate:        "set the LACP rate of the switch's port to fast, or lacp_rate to slow",
	lacp.WhyNoPDU:       "turn on LACP (\"mode active\") at the switch's port; a static LAG or a device between sends none",
	lacp.WhyNoEcho:      "look for a link that works one way, or a filter for LACPDUs",
	lacp.WhyWrongEcho:   "look for crossed cables, or a hub or bridge that forwards LACPDUs",
	lacp.WhyDuplicate:   "look for a hub or a mirror port",
	lacp.WhySpeed:       "use the same speed on all ports; option speed for NICs that report none",
	lacp.WhyKeyMismatch: "put the switch's ports into one channel group",
	lacp.WhyTwoPartners: "look at the cable: it leads to another switch than the active aggregator",
	lacp.WhyIndividual:  "put the switch's port into the channel group",
	lacp.WhyPartnerOOS:  "look at the switch's log: VLANs, MTU, suspended, limit of ports",
	lacp.WhyPartnerNotC: "look at the switch's log",
}

func adviceLACP(w lacp.Why) string {
	if a, ok := advicesLACP[w]; ok {
		return a
	}
	return "tapbond explain slave, and the switch's log"
}
