package bond

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapbond/tapbond/internal/plain"
	"github.com/tapbond/tapbond/policy"
)

const (
	// recentTime is how far back what happened counts for the verdict.
	recentTime = 5 * time.Minute
	// flapsRecent failures of one slave within recentTime are flapping.
	flapsRecent = 4
	// returnedRecent own frames within recentTime mean that the switch has no LAG.
	// Where no LAG belongs they come back by a loop; a failover may return some,
	// too, which the switch was about to flood.
	returnedRecent     = 2
	returnedRecentLoop = 10
	// negotiationTime is how long LACP may take before a port without a partner
	// counts as failed: two handshakes and aggregate_wait_time.
	negotiationTime = 10 * time.Second
)

// judgement collects what is wrong with a bond.
type judgement struct {
	st  *State
	now time.Time
	// summaries of words; without one the first cause's text is it.
	summaries map[Word]string
	causes    []Cause
}

// judge finds out how well the bond works at now.
func judge(st *State, now time.Time) Verdict {
	j := judgement{st: st, now: now, summaries: map[Word]string{}}
	switch {
	case !st.Up:
		j.add(WordDown, "", "administratively down", "ip link set "+st.Name+" up")
	case len(st.Slaves) == 0 && len(st.Away) > 0:
		j.away()
		j.add(WordEmpty, "", "no slaves: the NICs are gone", "plug them in: they are taken again")
	case len(st.Slaves) == 0:
		j.add(WordEmpty, "", "no slaves", "ip link set NIC down; ip link set NIC master "+st.Name)
	default:
		j.slaves()
		j.flapping()
		j.probes()
		j.returned()
		j.loops()
		j.redundancy()
		j.away()
		j.claimed()
		j.bypassed()
	}
	return j.verdict()
}

func (j *judgement) add(w Word, slave, text, advice string) {
	j.causes = append(j.causes, Cause{Word: w, Slave: slave, Text: text, Advice: advice})
}

func (j *judgement) verdict() Verdict {
	if len(j.causes) == 0 {
		return Verdict{Word: WordHealthy, Severity: SeverityOK, Summary: j.summaries[WordHealthy], Causes: []Cause{}}
	}
	slices.SortStableFunc(j.causes, func(a, b Cause) int { return a.Word.rank() - b.Word.rank() })
	first := j.causes[0]
	v := Verdict{Word: first.Word, Severity: first.Word.Severity(), Summary: j.summaries[first.Word], Causes: j.causes}
	if v.Summary == "" {
		v.Summary = first.Text
	}
	return v
}

// slaves judges which slaves can carry traffic.
func (j *judgement) slaves() {
	if j.st.AD != nil {
		j.lag()
		return
	}
	up, all := 0, len(j.st.Slaves)+len(j.st.Away)
	for i := range j.st.Slaves {
		if j.st.Slaves[i].MIIStatus == "UP" {
			up++
		}
	}
	summary := fmt.Sprintf("%d of %s up", up, plain.Count(all, "slave"))
	for _, w := range []Word{WordHealthy, WordDegraded, WordWaiting} {
		if w != WordDegraded || up < all { // else something else is wrong
			j.summaries[w] = summary
		}
	}
	missing := WordDegraded
	if up == 0 {
		missing = WordFailed
		j.summaries[WordFailed] = noneOf(all, "is up", "is down")
	}
	for i := range j.st.Slaves {
		j.link(&j.st.Slaves[i], missing)
	}
}

// noneOf says that no slave is or does what it should.
func noneOf(all int, none, only string) string {
	if all == 1 {
		return "the only slave " + only
	}
	return fmt.Sprintf("none of %s %s", plain.Count(all, "slave"), none)
}

// link judges one slave's link; missing is the word for one that is not up.
func (j *judgement) link(s *SlaveState, missing Word) {
	switch {
	case s.MIIStatus == "UP":
	case s.MIIStatus == "GOING_BACK" && j.st.Probes == nil: // probes have no delays
		if missing == WordDegraded {
			missing = WordWaiting
		}
		j.add(missing, s.Name, s.Name+" comes back: "+s.Why, "wait for updelay, or flap_hold")
	default:
		advice := "look at the cable and the switch's port; ip link set " + s.Name + " up"
		if s.Carrier {
			advice = "tapbond explain slave " + s.Name + "; look at the path behind the link, and at the targets"
		}
		j.add(missing, s.Name, s.Name+" is down: "+s.Why, advice)
	}
}

// flapping finds slaves that go down and up by turns.
func (j *judgement) flapping() {
	for i := range j.st.Slaves {
		s := &j.st.Slaves[i]
		n := 0
		for _, o := range s.Outages {
			if j.now.Sub(o.Since) < recentTime {
				n++
			}
		}
		if n < flapsRecent {
			continue
		}
		times := plain.Times(n)
		if n == keptOutages { // older ones are forgotten
			times = fmt.Sprintf("at least %d times", n)
		}
		last := s.Outages[len(s.Outages)-1]
		text := fmt.Sprintf("%s failed %s in %s, last %s ago: ", s.Name, times, plain.Duration(recentTime), plain.Duration(j.now.Sub(last.Since)))
		if why, advice := j.unanswered(); why != "" {
			j.add(WordFlapping, s.Name, text+why, advice)
			continue
		}
		j.add(WordFlapping, s.Name, text+last.Why, "look at the cable, the transceiver and the switch's port; flap_hold keeps a link that flaps out of use")
	}
}

// probes judges the targets of the ARP monitor.
func (j *judgement) probes() {
	if why, advice := j.unanswered(); why != "" {
		j.add(WordUnanswered, "", why, advice)
	}
}

// unanswered says why the ARP monitor proves nothing; empty if it does, or is off.
func (j *judgement) unanswered() (why, advice string) {
	p := j.st.Probes
	if p == nil || len(p.Targets) == 0 {
		return "", ""
	}
	var last, asked time.Time
	var names []string
	for _, t := range p.Targets {
		if t.AskedAt.IsZero() {
			return "", "" // it answers, or hasn't been asked yet
		}
		if t.AskedAt.After(asked) {
			asked = t.AskedAt
		}
		if t.AnsweredAt.After(last) {
			last = t.AnsweredAt
		}
		names = append(names, t.Target)
	}
	list, silent := strings.Join(names, ", "), j.now.Sub(asked)
	advice = "choose a target that answers, such as the router: ping -c 3 " + names[0]
	interval := time.Duration(p.Interval) * time.Millisecond
	switch {
	case last.IsZero() && silent > 3*interval:
		return fmt.Sprintf("no target has ever answered (%s)", list), advice
	case !last.IsZero() && silent > max(10*interval, 10*time.Second):
		return fmt.Sprintf("no target has answered for %s (%s)", plain.Duration(silent), list), advice
	}
	return "", ""
}

// returned judges frames of the bond's own that came back on a slave.
func (j *judgement) returned() {
	r, want := j.st.Returned, uint64(returnedRecentLoop)
	text := "a loop in the network"
	advice := "look for a loop or a hub behind the slaves: two ports of this bond on one cable, spanning tree off"
	switch j.st.Mode {
	case policy.BalanceTLB.String(), policy.BalanceALB.String():
		return // a slave receives what another one's switch floods
	case policy.BalanceRR.String(), policy.BalanceXOR.String(), policy.Broadcast.String():
		want = returnedRecent
		text = "the switch has no LAG"
		advice = "make the switch's ports one static LAG (\"mode on\"), or use active-backup or 802.3ad"
	}
	if r.Frames >= want {
		j.add(WordLooped, "", fmt.Sprintf("%s of our own came back in %s, last %s ago: %s",
			plain.Count(r.Frames, "frame"), plain.Duration(recentTime), plain.Duration(j.now.Sub(r.LastAt)), text), advice)
	}
}

// away judges slaves whose NICs are gone.
func (j *judgement) away() {
	for _, a := range j.st.Away {
		text := fmt.Sprintf("%s is gone for %s", a.Name, plain.Duration(j.now.Sub(a.Since)))
		advice := "plug it in: it is taken again; or give it up: tapbond release " + j.st.Name + " " + a.Name
		if a.Why != "" {
			text, advice = a.Name+" is back and can't be taken: "+a.Why, "remove the cause: it is tried again each second"
		}
		j.add(WordDegraded, a.Name, text, advice)
	}
}

// claimed judges slaves that somebody else uses, too.
func (j *judgement) claimed() {
	for i := range j.st.Slaves {
		if s := &j.st.Slaves[i]; s.Claimed != "" {
			j.add(WordDegraded, s.Name, s.Name+" is used by "+s.Claimed+", too", "take it out there: ip link set "+s.Name+" nomaster, or ip link del a device that sits on it")
		}
	}
}

// bypassed judges firewall rules on slaves, which filter nothing for the bond.
func (j *judgement) bypassed() {
	for i := range j.st.Slaves {
		if s := &j.st.Slaves[i]; len(s.Bypassed) > 0 {
			j.add(WordDegraded, s.Name, s.Name+" has rules that the bond's frames bypass: "+strings.Join(s.Bypassed, ", "),
				"put them on "+j.st.Name+", whose hooks see every frame, and remove them from "+s.Name)
		}
	}
}

// redundancy judges whether another slave could take over.
func (j *judgement) redundancy() {
	if len(j.st.Slaves) != 1 || len(j.st.Away) > 0 {
		return
	}
	if s := &j.st.Slaves[0]; s.MIIStatus == "UP" {
		j.add(WordNoRedundancy, s.Name, s.Name+" is the only slave", "add another: ip link set NIC down; ip link set NIC master "+j.st.Name)
	}
}
